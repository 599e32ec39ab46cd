/** @file A labelled image in memory, as training and augmentation use it. */

export interface Sample {
  width: number
  height: number
  /** (height, width, 3) */
  rgb: Uint8Array
  /** (height, width), 0 = background */
  labels: Uint16Array
}
