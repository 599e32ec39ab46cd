/** @file The reference's crops of an image, and its rule for masks that such a crop cuts. */
import type { Size } from '../image/transforms'
import type { Box } from './candidate'
import type { GeneratorOptions } from './generator-options'

export interface Crop {
  /** Exclusive right and bottom. */
  box: Box
  /** 0 for the whole image. */
  layer: number
}

/** The whole image, then layer by layer, column by column. Crops without a pixel (of very small images) are left out. */
export function cropsOf({ width, height }: Size, options: Pick<GeneratorOptions, 'cropNLayers' | 'cropOverlapRatio'>) {
  const crops: Crop[] = [{ box: [0, 0, width, height], layer: 0 }]
  for (let layer = 1; layer <= options.cropNLayers; layer++) {
    const side = 2 ** layer
    const overlap = Math.floor(options.cropOverlapRatio * Math.min(width, height) * (2 / side))
    const length = (whole: number) => Math.ceil((overlap * (side - 1) + whole) / side)
    const [w, h] = [length(width), length(height)]
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++) {
        const [x0, y0] = [(w - overlap) * i, (h - overlap) * j]
        const box: Box = [x0, y0, Math.min(x0 + w, width), Math.min(y0 + h, height)]
        if (box[2] > x0 && box[3] > y0) crops.push({ box, layer })
      }
  }
  return crops
}

/** Pixels within which an edge counts as near. */
const NEAR = 20

/** Whether a mask's box (in pixels of the crop) is near an edge of the crop that is not near the image's: it may be cut. */
export function isCut([x0, y0, x1, y1]: Box, crop: Box, { width, height }: Size): boolean {
  const box = [x0 + crop[0], y0 + crop[1], x1 + crop[0], y1 + crop[1]]
  const image = [0, 0, width, height]
  return box.some((edge, i) => Math.abs(edge - crop[i]) <= NEAR && Math.abs(edge - image[i]) > NEAR)
}
