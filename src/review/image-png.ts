/** @file Encodes images for the page as 8-bit PNG, gray if the image is gray, and caches them. */
import { stat } from 'node:fs/promises'
import sharp from 'sharp'
import { readImage } from '../images/read-image'
import { grayOfRgb, toRGB8 } from '../images/rgb8'
import { messageOf, UserError } from '../host/errors'
import { Lru } from './lru'

export interface EncodedPng {
  png: Buffer
  /** HTTP entity tag; it changes whenever the file changes. */
  etag: string
}

/** Size of the cache in bytes. */
const CACHE_BYTES = 256 * 2 ** 20

export class PngCache {
  private readonly kept = new Lru<Promise<EncodedPng>>(CACHE_BYTES)

  /** @throws UserError if the file cannot be read */
  async get(path: string): Promise<EncodedPng> {
    const { mtimeMs, size } = await stat(path).catch((error: Error) => {
      throw new UserError(`cannot read the image ${path}: ${messageOf(error, path)}`)
    })
    const etag = `"${mtimeMs.toString(36)}-${size.toString(36)}"`
    const key = `${etag}${path}`
    const kept = this.kept.get(key)
    if (kept) return kept
    const picture = encode(path, etag)
    this.kept.set(key, picture, 0)
    try {
      this.kept.set(key, picture, (await picture).png.length)
    } catch (error) {
      this.kept.delete(key)
      throw error
    }
    return picture
  }
}

async function encode(path: string, etag: string): Promise<EncodedPng> {
  const image = await readImage(path)
  const { width, height, channels } = image
  const rgb = toRGB8(image)
  const data = channels === 3 ? rgb : grayOfRgb(rgb)
  // fast compression: the server is on the same machine, and encoding time is what a person notices
  const png = await sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace(channels === 3 ? 'srgb' : 'b-w')
    .png({ compressionLevel: 1 })
    .toBuffer()
  return { png, etag }
}
