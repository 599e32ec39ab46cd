/** @file An 8-bit RGB image of any size, as a host decodes it. */
import type { Region } from './box'
import type { Size } from './size'

/** An image of three bytes a pixel: (height, width, 3). */
export interface RgbImage extends Size {
  /** (height, width, 3), row-major, 0 to 255. */
  rgb: Uint8Array
}

/** The pixels of a region of an image, (height, width, 3); the image's own array if the region is the whole image. */
export function cropImage({ rgb, width, height }: RgbImage, { left, top, right, bottom }: Region): Uint8Array {
  if (left === 0 && top === 0 && right === width && bottom === height) return rgb
  const line = 3 * (right - left)
  const part = new Uint8Array(line * (bottom - top))
  for (let y = top; y < bottom; y++) {
    const from = 3 * (y * width + left)
    part.set(rgb.subarray(from, from + line), (y - top) * line)
  }
  return part
}
