/** @file Non-maximum suppression by boxes, as the reference implementation does it. */
import type { Box } from '../image/box'

/**
 * The IoU of two boxes in f32, with sides measured from outermost pixel to outermost pixel as in the reference: one less
 * than the number of pixels. A box of one row therefore has no area; its IoU with an equal box is NaN, which exceeds no
 * threshold.
 */
function boxIou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0))
  const height = Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0))
  const shared = width * height
  return Math.fround(shared / (boxArea(a) + boxArea(b) - shared))
}

const boxArea = ({ x0, y0, x1, y1 }: Box): number => (x1 - x0) * (y1 - y0)

/**
 * The indices of the boxes that are kept, in descending order of score, the earlier of equal ones first: no box is kept
 * whose IoU with a better one that is kept exceeds `threshold`.
 */
export function boxNms(boxes: readonly Box[], scores: readonly number[], threshold: number): number[] {
  const order = boxes.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b)
  return suppressBoxes(order, boxes, threshold)
}

/** Boxes are binned by their left edge into this many strips, so that few need to be compared. */
const STRIPS = 512

/**
 * Of the indices in `order`, those that are kept: none has an IoU above `threshold` with an earlier one of the same group.
 * @param groups group of each box; one group by default
 */
export function suppressBoxes(
  order: readonly number[],
  boxes: readonly Box[],
  threshold: number,
  groups?: ArrayLike<number>,
): number[] {
  // boxes with an IoU above the threshold have left edges that differ by less than this fraction of a width
  const reach = (1 - threshold) / threshold
  let [left, right] = [Infinity, -Infinity]
  for (const i of order) {
    left = Math.min(left, boxes[i].x0)
    right = Math.max(right, boxes[i].x0)
  }
  const strip = (x: number) => Math.floor(((x - left) / (right - left + 1)) * STRIPS)
  const strips: number[][] = Array.from({ length: STRIPS }, () => [])
  return order.filter((i) => {
    const { x0, x1 } = boxes[i]
    const far = reach * (x1 - x0) + 1
    const last = Math.min(STRIPS - 1, strip(x0 + far))
    for (let s = Math.max(0, strip(x0 - far)); s <= last; s++)
      for (const k of strips[s]) {
        if (groups && groups[k] !== groups[i]) continue
        if (boxIou(boxes[k], boxes[i]) > threshold) return false
      }
    strips[strip(x0)].push(i)
    return true
  })
}
