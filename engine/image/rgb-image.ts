/** @file An 8-bit RGB image of any size, as a host decodes it. */
import type { Size } from './transforms'

export interface RgbImage extends Size {
  /** (height, width, 3), row-major, 0 to 255. */
  rgb: Uint8Array
}
