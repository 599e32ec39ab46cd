/** @file The size of an image, a mask or any other plane of pixels. */

/** Width and height in pixels. */
export interface Size {
  width: number
  height: number
}
