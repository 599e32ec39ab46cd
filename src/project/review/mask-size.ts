/** @file How large the particles of an image under review are, from its masks. */
import { equivalentDiameter } from '../../../engine/masks/equivalent-diameter'
import { eachRun, type Rle } from '../../../engine/masks/rle'
import type { Size } from '../../../engine/image/size'
import { quantile } from '../../../engine/quantile'
import { measuredSize, type ParticleSize } from '../../../engine/scale/particle-size'

/** Fewer masks say nothing about an image's particles. */
const MIN_MASKS = 5

/** The size of an image's particles; null if it has fewer than five masks. @throws Error if a mask is damaged */
export const sizeOfMasks = (masks: readonly { segmentation: Rle }[]): ParticleSize | null =>
  masks.length < MIN_MASKS
    ? null
    : measuredSize(
        masks.map(({ segmentation }) => measure(segmentation)),
        MIN_MASKS,
      )

/** The areas of masks, which never change. */
const areas = new WeakMap<object, number>()

/** The areas of masks together, as a fraction of their image, at most 1. */
export function coveredFraction(masks: readonly { segmentation: Rle }[], { width, height }: Size): number {
  let sum = 0
  for (const mask of masks) {
    let area = areas.get(mask)
    if (area === undefined) {
      let pixels = 0
      eachRun(mask.segmentation, (_start, length) => (pixels += length))
      areas.set(mask, (area = pixels))
    }
    sum += area
  }
  return width && height ? Math.min(1, sum / (width * height)) : 0
}

/** Equivalent diameter, and the longer side of the box, in pixels. */
function measure(rle: Rle): { diameter: number; length: number } {
  const [height] = rle.size
  let area = 0
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1]
  eachRun(rle, (start, length) => {
    const last = start + length - 1
    const [first, end] = [Math.floor(start / height), Math.floor(last / height)]
    area += length
    x0 = Math.min(x0, first)
    x1 = Math.max(x1, end)
    // a run that continues in the next column reaches from edge to edge
    y0 = Math.min(y0, end > first ? 0 : start % height)
    y1 = Math.max(y1, end > first ? height - 1 : last % height)
  })
  return { diameter: equivalentDiameter(area), length: Math.max(x1 - x0, y1 - y0) + 1 }
}

/** The size of a typical image: the median of the images' diameters, and of their largest lengths; null if there are none. */
export function typicalSize(sizes: readonly ParticleSize[]): ParticleSize | null {
  if (!sizes.length) return null
  const median = (values: number[]) =>
    quantile(
      values.sort((a, b) => a - b),
      0.5,
    )
  return {
    diameter: median(sizes.map(({ diameter }) => diameter)),
    largest: median(sizes.map(({ largest }) => largest)),
  }
}
