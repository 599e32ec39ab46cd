/** @file A mask as MaskReader decodes it on the GPU, in pixels of the region that was encoded. */
import type { Box } from '../image/box'
import type { PackedMask } from '../masks/bit-mask'
import type { LogitWindow } from './candidate'

export interface DecodedMask {
  /** Index of its prompt in the batch. */
  prompt: number
  /** The mask token, 0 to 3. */
  token: number
  predictedIou: number
  stability: number
  /** Pixels. */
  area: number
  box: Box
  /** The whole words that hold the box. */
  bits: PackedMask
  logits?: LogitWindow
}

/** Which masks are decoded and kept. */
export interface MaskThresholds {
  /** Keep masks with a higher predicted IoU; 0 or less keeps all. */
  predIouThresh: number
  /** Keep masks with at least this stability; 0 or less keeps all that are not empty. */
  stabilityScoreThresh: number
  stabilityScoreOffset: number
  maskThreshold: number
  /** Whether to read back the logits too. */
  keepLogits: boolean
  /** Returns true if a mask with this box is kept; by default all are. */
  accept?: (box: Box) => boolean
}

/** The number of masks that each test rejected. */
export interface RejectedCounts {
  floorPredIou: number
  floorStability: number
  cropEdge: number
}
