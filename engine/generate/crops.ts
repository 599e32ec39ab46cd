/** @file The reference's crops of an image, and its rule for masks that such a crop cuts. */
import type { Size } from '../image/size'
import { type Box, type Region, boxInImage, wholeRegion } from '../image/box'
import type { GeneratorOptions } from './generator-options'

export interface Crop {
  region: Region
  /** 0 for the whole image. */
  layer: number
}

/** The whole image, then layer by layer, column by column. Crops without a pixel (of very small images) are left out. */
export function cropsOf(size: Size, options: Pick<GeneratorOptions, 'cropNLayers' | 'cropOverlapRatio'>) {
  const { width, height } = size
  const crops: Crop[] = [{ region: wholeRegion(size), layer: 0 }]
  for (let layer = 1; layer <= options.cropNLayers; layer++) {
    const side = 2 ** layer
    const overlap = Math.floor(options.cropOverlapRatio * Math.min(width, height) * (2 / side))
    const length = (whole: number) => Math.ceil((overlap * (side - 1) + whole) / side)
    const [w, h] = [length(width), length(height)]
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++) {
        const [left, top] = [(w - overlap) * i, (h - overlap) * j]
        const region = { left, top, right: Math.min(left + w, width), bottom: Math.min(top + h, height) }
        if (region.right > left && region.bottom > top) crops.push({ region, layer })
      }
  }
  return crops
}

/** Pixels within which an edge counts as near. */
const NEAR = 20

/** Whether a mask's box (in pixels of the crop) is near an edge of the crop that is not near the image's: it may be cut. */
export function isCut(box: Box, crop: Region, { width, height }: Size): boolean {
  const { x0, y0, x1, y1 } = boxInImage(box, crop)
  // as the reference does, the last pixel of the box is compared with the crop's edge, one past the crop's last pixel
  const near = (pixel: number, ofCrop: number, ofImage: number) =>
    Math.abs(pixel - ofCrop) <= NEAR && Math.abs(pixel - ofImage) > NEAR
  return near(x0, crop.left, 0) || near(y0, crop.top, 0) || near(x1, crop.right, width) || near(y1, crop.bottom, height)
}
