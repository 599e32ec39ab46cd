/** @file A mask as the reference generator returns it, with its field names. */
import type { Rle } from '../masks/rle'

/** A mask as Meta’s generator returns it. */
export interface MaskRecord {
  /** (height, width) of 0 and 1 for binary_mask; else run lengths: numbers for uncompressed_rle, text for coco_rle. */
  segmentation: Uint8Array | Rle
  /** Pixels. */
  area: number
  /** x, y, width, height; width and height are distances of outermost pixels, one less than the number of pixels. */
  bbox: [number, number, number, number]
  predicted_iou: number
  /** The prompt, in pixels of the image. */
  point_coords: [number, number][]
  stability_score: number
  /** x, y, width, height of the crop that the mask was found in. */
  crop_box: [number, number, number, number]
}
