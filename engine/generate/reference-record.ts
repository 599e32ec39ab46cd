/** @file A mask as the reference's generator returns it, under its names. */
import type { Rle } from '../masks/rle'

export interface MaskRecord {
  /** (height, width) of 0 and 1 for binary_mask, else run lengths: numbers for uncompressed_rle, text for coco_rle. */
  segmentation: Uint8Array | Rle
  /** Pixels. */
  area: number
  /** x, y, width, height; width and height are the distance of the outermost pixels, one less than they count. */
  bbox: [number, number, number, number]
  predicted_iou: number
  /** The prompt, in pixels of the image. */
  point_coords: [number, number][]
  stability_score: number
  /** x, y, width, height of the crop that it was found in. */
  crop_box: [number, number, number, number]
}
