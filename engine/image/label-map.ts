/** @file Label maps: one integer per pixel, which names the instance that the pixel belongs to. */
import type { Box } from './box'
import type { Size } from './size'

/** The highest label of an instance label map, whose values are 16-bit; 0 is the background. */
export const MAX_LABEL = 65535

/** An instance label map: (height, width), 0 = background. */
export interface LabelMap extends Size {
  data: Uint16Array
}

/** The bounding box of one instance of a label map. */
export interface InstanceBox extends Box {
  /** The instance's value in the label map. */
  id: number
  /** Pixels. */
  area: number
}
