/** @file Non-maximum suppression by boxes, as the reference does it. */
import type { Box } from '../image/box'

/**
 * The IoU of two boxes by their corners' distances, in f32: a box's corners are its outermost pixels, so a side counts one
 * less than its pixels, and a box of one row has no area (IoU NaN with its like, which is above no threshold).
 */
export function boxIou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0))
  const height = Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0))
  const shared = width * height
  return Math.fround(shared / (boxArea(a) + boxArea(b) - shared))
}

export const boxArea = ({ x0, y0, x1, y1 }: Box): number => (x1 - x0) * (y1 - y0)

/** Places of the boxes that stay, by falling score, the earlier first of equal ones: none with a higher IoU to one before it. */
export function boxNms(boxes: readonly Box[], scores: readonly number[], threshold: number): number[] {
  const order = boxes.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b)
  return suppress(order, boxes, threshold)
}

const STRIPS = 512

/** Of the places in `order` those that stay: none with a higher IoU to an earlier one of the same group. */
export function suppress(
  order: readonly number[],
  boxes: readonly Box[],
  threshold: number,
  groups?: ArrayLike<number>,
): number[] {
  // those that stay lie in strips by their left edges: boxes of a higher IoU differ by less than this share of a width there
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
