/** @file Writes PNG files whose pixels read back exactly as given. */
import sharp from 'sharp'
import { writeFileAtomic } from '../host/files'

export interface PngPixels {
  width: number
  height: number
  channels: 1 | 3 | 4
  /** (height, width, channels): Uint8Array, or Uint16Array of one channel (label maps). */
  data: Uint8Array | Uint16Array
}

/**
 * Writes a PNG under a temporary name and renames it, so that no half file is ever seen.
 * @throws Error if the data do not fit the size, or for 16 bits of more than one channel
 */
export async function writePng(path: string, { width, height, channels, data }: PngPixels): Promise<void> {
  if (data.length !== width * height * channels)
    throw new Error(`${path}: ${width}x${height}x${channels} values expected, ${data.length} given`)
  const wide = data instanceof Uint16Array
  if (wide && channels !== 1) throw new Error(`${path}: 16 bits can be written for one channel only`)
  const space = channels > 1 ? 'srgb' : wide ? 'grey16' : 'b-w'
  const png = sharp(data, { raw: { width, height, channels }, limitInputPixels: false }).toColourspace(space).png()
  await writeFileAtomic(path, await png.toBuffer())
}
