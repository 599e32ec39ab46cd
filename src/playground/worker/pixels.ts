/** @file Pixels for the model out of image files, and image files out of pixels. */
import type { RgbImage } from '../../../engine/index'

/** The pixels of an image file that the page keeps. */
export const pixelsOf = async (file: Blob): Promise<RgbImage> =>
  rgbOf(await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }))

/** The pixels of a bitmap, which is closed. */
export function rgbOf(bitmap: ImageBitmap): RgbImage {
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!context) throw new RangeError(`there is no memory for ${width} x ${height} pixels`)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  const { data } = context.getImageData(0, 0, width, height)
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb[to++] = data[from]
    rgb[to++] = data[from + 1]
    rgb[to++] = data[from + 2]
  }
  return { width, height, rgb }
}

/** PNG of 8 bits. */
export async function pngOf({ width, height, rgb }: RgbImage): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')
  if (!context) throw new RangeError(`there is no memory for ${width} x ${height} pixels`)
  const image = context.createImageData(width, height)
  for (let from = 0, to = 0; from < rgb.length; to += 4) {
    image.data[to] = rgb[from++]
    image.data[to + 1] = rgb[from++]
    image.data[to + 2] = rgb[from++]
    image.data[to + 3] = 255
  }
  context.putImageData(image, 0, 0)
  return canvas.convertToBlob({ type: 'image/png' })
}
