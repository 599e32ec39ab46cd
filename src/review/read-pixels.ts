/** @file Reads the pixels of an image file for the model behind the review page. */
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import type { ReadPixels } from './encoded-parts'

/** @throws UserError naming the file if it cannot be read */
export const readPixels: ReadPixels = async ({ path }) => {
  const image = await readImage(path)
  return { width: image.width, height: image.height, rgb: toRGB8(image) }
}
