/**
 * @file Polygons of masks on the borders between pixels: filled by the even-odd rule they give the same pixels back.
 */
import { components } from '../../engine/masks/components'
import type { Mask } from '../../engine/masks/mask'

/** A corner between pixels, in pixels of the image: pixel (x, y) reaches from (x, y) to (x + 1, y + 1). */
export type Point = [x: number, y: number]

/** One 8-connected part of a mask. Rings are not closed by a repeated point and may touch themselves in a corner. */
export interface MaskPolygon {
  /** clockwise, as one looks at the image */
  outer: Point[]
  /** counter-clockwise, each around one 4-connected hole */
  holes: Point[][]
}

// right, down, left, up: from a corner one step on, and the pixels ahead to the left and to the right of that step
const steps = [
  { dx: 1, dy: 0, left: [0, -1], right: [0, 0] },
  { dx: 0, dy: 1, left: [0, 0], right: [-1, 0] },
  { dx: -1, dy: 0, left: [-1, 0], right: [-1, -1] },
  { dx: 0, dy: -1, left: [-1, -1], right: [0, -1] },
] as const

/** The polygons of a mask, in reading order of their parts' first pixels; none for an empty mask. */
export function maskPolygons(mask: Mask): MaskPolygon[] {
  const { width, height, data } = mask
  const { labels, areas } = components(data, width, height)
  const polygons = new Array<MaskPolygon | undefined>(areas.length)
  // every ring has an edge that runs to the right, along the upper side of a pixel: marked there, it is followed once
  const followed = new Uint8Array(width * height)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!data[at] || followed[at] || (y && data[at - width])) continue
      const ring = follow(mask, x, y, followed)
      const part = labels[at] - 1
      const polygon = polygons[part]
      // the first pixel of a part lies on its outer border
      if (polygon) polygon.holes.push(ring)
      else polygons[part] = { outer: ring, holes: [] }
    }
  return polygons as MaskPolygon[]
}

/** The corners of the ring that runs along the upper side of pixel (x, y), with the mask on its right. */
function follow({ x0, y0, width, height, data }: Mask, startX: number, startY: number, followed: Uint8Array): Point[] {
  const inside = (x: number, y: number) => x >= 0 && x < width && y >= 0 && y < height && data[y * width + x] !== 0
  const ring: Point[] = []
  let [x, y, direction] = [startX, startY, 0]
  do {
    if (direction === 0) followed[y * width + x] = 1
    x += steps[direction].dx
    y += steps[direction].dy
    const { left, right } = steps[direction]
    // pixels that touch in a corner belong together, so what lies ahead on the left is looked at first
    const turn = inside(x + left[0], y + left[1]) ? 3 : inside(x + right[0], y + right[1]) ? 0 : 1
    if (turn) ring.push([x0 + x, y0 + y])
    direction = (direction + turn) % 4
  } while (x !== startX || y !== startY || direction !== 0)
  return ring
}
