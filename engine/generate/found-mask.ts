/** @file A mask as it comes from the GPU, in pixels of the crop that it was found in. */
import type { PackedMask } from '../masks/bit-mask'
import type { Box } from '../image/box'
import type { LogitWindow } from './candidate'

export interface FoundMask {
  /** Of the batch. */
  prompt: number
  /** 1 to 3. */
  token: number
  predictedIou: number
  stability: number
  area: number
  box: Box
  /** Its box, in whole words. */
  bits: PackedMask
  logits?: LogitWindow
}

/** What to keep of a pass's masks. */
export interface FoundOptions {
  /** A higher predicted IoU; 0 or less keeps all. */
  predIouThresh: number
  /** At least this stability; 0 or less keeps all that are not empty. */
  stabilityScoreThresh: number
  stabilityScoreOffset: number
  maskThreshold: number
  keepLogits: boolean
  /** Whether a mask of this box is wanted. */
  accept?: (box: Box) => boolean
}

export interface FoundCounts {
  floorPredIou: number
  floorStability: number
  cropEdge: number
}
