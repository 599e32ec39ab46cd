/** @file A labelled image in memory, as training and augmentation use it. */

/** An image with its labels: every instance has its own number. */
export interface Sample {
  width: number
  height: number
  /** (height, width, 3) */
  rgb: Uint8Array
  /** (height, width), 0 = background */
  labels: Uint16Array
}
