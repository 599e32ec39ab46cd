/** @file The crops of an image that the reference generator encodes, and its rule for masks that a crop cuts. */
import { type Box, type Region, boxInImage, wholeRegion } from '../image/box'
import type { Size } from '../image/size'
import type { GeneratorOptions } from './generator-options'

export interface Crop {
  region: Region
  /** 0 for the whole image, then the layer of crops. */
  layer: number
}

/** The whole image, then the crops layer by layer and column by column, without those of a very small image that are empty. */
export function cropRegions(size: Size, options: Pick<GeneratorOptions, 'cropNLayers' | 'cropOverlapRatio'>): Crop[] {
  const { width, height } = size
  const crops: Crop[] = [{ region: wholeRegion(size), layer: 0 }]
  for (let layer = 1; layer <= options.cropNLayers; layer++) {
    const perSide = 2 ** layer
    const overlap = Math.floor(options.cropOverlapRatio * Math.min(width, height) * (2 / perSide))
    const cropLength = (whole: number) => Math.ceil((overlap * (perSide - 1) + whole) / perSide)
    const [w, h] = [cropLength(width), cropLength(height)]
    for (let i = 0; i < perSide; i++)
      for (let j = 0; j < perSide; j++) {
        const [left, top] = [(w - overlap) * i, (h - overlap) * j]
        const region = { left, top, right: Math.min(left + w, width), bottom: Math.min(top + h, height) }
        if (region.right > left && region.bottom > top) crops.push({ region, layer })
      }
  }
  return crops
}

/** Pixels from an edge within which a box counts as near it. */
const NEAR = 20

/** True if a mask's box, in pixels of the crop, is near an edge of the crop that is not near the image's: it may be cut. */
export function isCutByCrop(box: Box, crop: Region, { width, height }: Size): boolean {
  const { x0, y0, x1, y1 } = boxInImage(box, crop)
  // as in the reference, the box's last pixel is compared with the crop's edge, one past the crop's last pixel
  const near = (pixel: number, cropEdge: number, imageEdge: number) =>
    Math.abs(pixel - cropEdge) <= NEAR && Math.abs(pixel - imageEdge) > NEAR
  return near(x0, crop.left, 0) || near(y0, crop.top, 0) || near(x1, crop.right, width) || near(y1, crop.bottom, height)
}
