/**
 * @file Traces the outlines of masks as polygons along pixel borders; filled by the even-odd rule they reproduce the mask.
 */
import { components } from '../../engine/masks/components'
import type { Mask } from '../../engine/masks/mask'

/** A corner of pixels: pixel (x, y) extends from (x, y) to (x + 1, y + 1). */
export type Corner = [x: number, y: number]

/** One 8-connected component of a mask. Rings do not repeat their first corner and may touch themselves at corners. */
export interface MaskPolygon {
  /** Clockwise, as seen on the screen. */
  outer: Corner[]
  /** Counter-clockwise, each around one 4-connected hole. */
  holes: Corner[][]
}

// Steps right, down, left and up from one corner to the next, and the pixels that lie left and right of the step after it.
const steps = [
  { dx: 1, dy: 0, left: [0, -1], right: [0, 0] },
  { dx: 0, dy: 1, left: [0, 0], right: [-1, 0] },
  { dx: -1, dy: 0, left: [-1, 0], right: [-1, -1] },
  { dx: 0, dy: -1, left: [-1, -1], right: [0, -1] },
] as const

/** The polygons of a mask, in reading order of their components' first pixels; none for an empty mask. */
export function maskPolygons(mask: Mask): MaskPolygon[] {
  const { width, height, data } = mask
  const { labels, areas } = components(data, width, height)
  const polygons = new Array<MaskPolygon | undefined>(areas.length)
  // Every ring has an edge that runs to the right along the upper side of a pixel; it is marked there and traced once.
  const followed = new Uint8Array(width * height)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!data[at] || followed[at] || (y && data[at - width])) continue
      const ring = traceRing(mask, x, y, followed)
      const component = labels[at] - 1
      const polygon = polygons[component]
      // the first pixel of a component lies on its outer border
      if (polygon) polygon.holes.push(ring)
      else polygons[component] = { outer: ring, holes: [] }
    }
  return polygons as MaskPolygon[]
}

/** The corners of the ring that runs along the upper side of pixel (x, y), with the mask on its right. */
function traceRing(
  { x0, y0, width, height, data }: Mask,
  startX: number,
  startY: number,
  followed: Uint8Array,
): Corner[] {
  const inside = (x: number, y: number) => x >= 0 && x < width && y >= 0 && y < height && data[y * width + x] !== 0
  const ring: Corner[] = []
  let [x, y, direction] = [startX, startY, 0]
  do {
    if (direction === 0) followed[y * width + x] = 1
    x += steps[direction].dx
    y += steps[direction].dy
    const { left, right } = steps[direction]
    // pixels that touch at a corner are connected, so the pixel ahead on the left is tested first
    const turn = inside(x + left[0], y + left[1]) ? 3 : inside(x + right[0], y + right[1]) ? 0 : 1
    if (turn) ring.push([x0 + x, y0 + y])
    direction = (direction + turn) % 4
  } while (x !== startX || y !== startY || direction !== 0)
  return ring
}
