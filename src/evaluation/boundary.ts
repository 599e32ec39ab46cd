/** @file Agreement of outlines: precision and recall of boundary pixels within a tolerance. */
import type { Mask } from '../../engine/masks/mask'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import type { Size } from '../../engine/image/size'

export interface BoundaryScores {
  /** The fraction of the masks' boundary pixels within the tolerance of a true boundary pixel. */
  precision: number
  /** The fraction of the true boundary pixels within the tolerance of a mask's boundary pixel. */
  recall: number
  /** 2·precision·recall / (precision + recall). */
  f: number
}

/** The boundary of masks: pixels with one of four neighbours outside their mask. The edge of the image is not a boundary. */
export function boundaryOfMasks(masks: readonly Mask[], { width, height }: Size): Uint8Array {
  const boundary = new Uint8Array(width * height)
  for (const mask of masks) {
    const outside = (x: number, y: number) => {
      if (x >= 0 && y >= 0 && x < mask.width && y < mask.height) return !mask.data[y * mask.width + x]
      const [ix, iy] = [mask.x0 + x, mask.y0 + y]
      return ix >= 0 && iy >= 0 && ix < width && iy < height
    }
    for (let y = 0; y < mask.height; y++)
      for (let x = 0; x < mask.width; x++)
        if (
          mask.data[y * mask.width + x] &&
          (outside(x - 1, y) || outside(x + 1, y) || outside(x, y - 1) || outside(x, y + 1))
        )
          boundary[(mask.y0 + y) * width + mask.x0 + x] = 1
  }
  return boundary
}

/** The boundary of the instances in `ids`, also between touching ones: pixels with one of four neighbours of another label. */
export function boundaryOfLabels({ width, height, data }: LabelMap, ids: Iterable<number>): Uint8Array {
  const counted = new Uint8Array(MAX_LABEL + 1)
  for (const id of ids) counted[id] = 1
  const boundary = new Uint8Array(width * height)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const id = data[at]
      if (!counted[id]) continue
      if (
        (x > 0 && data[at - 1] !== id) ||
        (x < width - 1 && data[at + 1] !== id) ||
        (y > 0 && data[at - width] !== id) ||
        (y < height - 1 && data[at + width] !== id)
      )
        boundary[at] = 1
    }
  return boundary
}

/**
 * Compares two (height, width) maps of boundary pixels. If neither has a boundary pixel, all scores are 1.
 * @param tolerance Euclidean distance in pixels, from 0
 */
export function boundaryScores(
  predicted: Uint8Array,
  actual: Uint8Array,
  size: Size,
  tolerance: number,
): BoundaryScores {
  const precision = shareWithin(predicted, near(actual, size, tolerance))
  const recall = shareWithin(actual, near(predicted, size, tolerance))
  return { precision, recall, f: precision + recall ? (2 * precision * recall) / (precision + recall) : 0 }
}

function shareWithin(boundary: Uint8Array, region: Uint8Array): number {
  let [all, within] = [0, 0]
  for (let i = 0; i < boundary.length; i++) {
    all += boundary[i]
    within += boundary[i] & region[i]
  }
  return all ? within / all : 1
}

/** 1 within the tolerance of a boundary pixel: a disc is filled around each of them, row by row. */
function near(boundary: Uint8Array, { width, height }: Size, tolerance: number): Uint8Array {
  const region = new Uint8Array(boundary.length)
  const radius = Math.floor(tolerance)
  const reach = Array.from({ length: radius + 1 }, (_, dy) => Math.floor(Math.sqrt(tolerance * tolerance - dy * dy)))
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!boundary[at]) continue
      for (let dy = Math.max(-radius, -y); dy <= Math.min(radius, height - 1 - y); dy++) {
        const side = reach[Math.abs(dy)]
        const row = (y + dy) * width
        region.fill(1, row + Math.max(0, x - side), row + Math.min(width - 1, x + side) + 1)
      }
    }
  return region
}
