/** @file Non-maximum suppression by boxes, as the reference does it. */
import type { Box } from './candidate'

/**
 * The IoU of two boxes by their corners' distances, in f32: a box's corners are its outermost pixels, so a side counts one
 * less than its pixels, and a box of one row has no area (IoU NaN with its like, which is above no threshold).
 */
export function boxIou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]))
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]))
  const shared = width * height
  return Math.fround(shared / (boxArea(a) + boxArea(b) - shared))
}

export const boxArea = ([x0, y0, x1, y1]: Box): number => (x1 - x0) * (y1 - y0)

/** Places of the boxes that stay, by falling score, the earlier first of equal ones: none with a higher IoU to one before it. */
export function boxNms(boxes: readonly Box[], scores: readonly number[], threshold: number): number[] {
  const order = boxes.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b)
  const kept: number[] = []
  for (const i of order) if (!kept.some((k) => boxIou(boxes[k], boxes[i]) > threshold)) kept.push(i)
  return kept
}
