/** @file A binary mask, stored as the part of its image that it occupies, and its measures. */
import type { Box, Region } from '../image/box'
import type { Size } from '../image/size'

/** Where a part of an image is: its upper left pixel and its size. */
export interface Placement extends Size {
  x0: number
  y0: number
}

/** A mask of an image: 0 outside the part that starts at (x0, y0). */
export interface Mask extends Placement {
  /** (height, width), 1 inside. */
  data: Uint8Array
}

/** The mask without a pixel. */
export const emptyMask: Mask = { x0: 0, y0: 0, width: 0, height: 0, data: new Uint8Array(0) }

/** The number of pixels of a mask. */
export function maskArea({ data }: Mask): number {
  let area = 0
  for (let i = 0; i < data.length; i++) area += data[i]
  return area
}

/** The box of a part of an image that is not empty; of a trimmed mask, its bounding box. */
export const maskBox = ({ x0, y0, width, height }: Placement): Box => ({
  x0,
  y0,
  x1: x0 + width - 1,
  y1: y0 + height - 1,
})

/** The region that a mask is stored for; of a trimmed mask, the smallest that holds it. */
export const maskRegion = ({ x0, y0, width, height }: Placement): Region => ({
  left: x0,
  top: y0,
  right: x0 + width,
  bottom: y0 + height,
})

/** True if the pixel (x, y) of the image is in the mask. */
export function maskContains({ x0, y0, width, height, data }: Mask, x: number, y: number): boolean {
  const [u, v] = [x - x0, y - y0]
  return u >= 0 && v >= 0 && u < width && v < height && data[v * width + u] === 1
}
