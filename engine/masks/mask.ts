/** @file A mask as the part of its image that it occupies. */
import type { Size } from '../image/transforms'

/** A mask within its image: outside the part at (x0, y0) it is 0. */
export interface Mask extends Size {
  x0: number
  y0: number
  /** (height, width), 1 inside. */
  data: Uint8Array
}

export const emptyMask: Mask = { x0: 0, y0: 0, width: 0, height: 0, data: new Uint8Array(0) }
