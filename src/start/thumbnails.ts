/** @file Small pictures of the images for the home page, with the outlines of their masks. */
import { stat } from 'node:fs/promises'
import sharp from 'sharp'
import { labelMap } from '../../engine/masks/paint-label-map'
import { decodeMask } from '../../engine/masks/rle'
import { labelOverlay } from '../drawing/label-overlay'
import { messageOf, UserError } from '../host/errors'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { Lru } from '../review/lru'
import type { ReviewMask } from '../project/review/review-records'

/** Longest side in pixels: twice that of the page, for fine screens. */
const SIDE = 360
const CACHE_BYTES = 64 * 2 ** 20
/** Masks that a label map holds; more are left out of the picture. */
const MAX_MASKS = 60_000

export class Thumbnails {
  private readonly kept = new Lru<Promise<Buffer>>(CACHE_BYTES)
  private last: Promise<unknown> = Promise.resolve()

  /**
   * A WebP picture. Made one after the other: a folder may have large images.
   * @param version of the masks; the file's time is added
   * @throws UserError if the image cannot be read
   */
  async get(path: string, version: string, masks: () => Promise<readonly ReviewMask[]>): Promise<Buffer> {
    const { mtimeMs, size } = await stat(path).catch((error: unknown) => {
      throw new UserError(`cannot read the image ${path}: ${messageOf(error)}`)
    })
    const key = [path, mtimeMs, size, version].join('|')
    const known = this.kept.get(key)
    if (known) return known
    const made = this.last.then(async () => draw(path, await masks()))
    this.last = made.catch(() => {})
    this.kept.set(key, made, 0)
    try {
      this.kept.set(key, made, (await made).length)
    } catch (error) {
      this.kept.delete(key)
      throw error
    }
    return made
  }
}

async function draw(path: string, masks: readonly ReviewMask[]): Promise<Buffer> {
  const image = await readImage(path)
  const { width, height } = image
  const rgb = toRGB8(image)
  const shapes = masks.slice(0, MAX_MASKS).map(({ segmentation }) => decodeMask(segmentation))
  const data = shapes.length ? labelOverlay(rgb, labelMap(shapes, { width, height })) : rgb
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 78 })
    .toBuffer()
}
