/** @file The size of an image, a mask or any other plane of pixels. */

export interface Size {
  width: number
  height: number
}
