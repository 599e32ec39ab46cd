/** @file Candidates: the masks that the generator proposes, with the measures that filters, files and the review use. */
import type { Box, Point, Region } from '../image/box'
import type { Size } from '../image/size'
import type { Mask, Placement } from '../masks/mask'

/** What found a mask without a model. */
export type CandidateOrigin = 'watershed' | 'imported'

/** The measures of a mask that the filters use. They need no pixels, so filtering again takes milliseconds. */
export interface CandidateMeasures {
  /** Pixels. */
  area: number
  /** In pixels of the image. */
  box: Box
  /** The model's own estimate of the mask's IoU. */
  predictedIou: number
  /** #(logit > threshold + offset) / #(logit > threshold - offset). */
  stability: number
  /** The crop or tile of the image that the mask was found in; the whole image if it was not cut. */
  crop: Region
  /** Set if the mask is not a model's: then it has no scores, predictedIou and stability are 0, and their thresholds pass it. */
  origin?: CandidateOrigin
}

/** A mask that passed the first, permissive thresholds. */
export interface Candidate extends CandidateMeasures {
  /**
   * Unpacked from bits at every access, so that thousands of large masks take little memory: read it once and keep the
   * result while you need it.
   */
  readonly mask: Mask
  /** The mask token, 1 to 3 from part to whole; 0 if the prompt had a box. */
  token: number
  /** The point of the prompt, in pixels of the image. */
  point: Point
  /** The box of the prompt, in pixels of the image; absent if it was a point alone. */
  promptBox?: Region
  /** Input of `rethreshold`; absent if it was not kept, or if the mask was united from several tiles. */
  logits?: LogitWindow
}

/** A mask's low-resolution logits without the parts that are far below the threshold. */
export interface LogitWindow extends Placement {
  /** (height, width) */
  data: Float32Array
  /** Side of the whole square of logits, of which this is a part. */
  side: number
  /** Side of the model's input square. */
  inputSize: number
  /** The lowest usable threshold: every pixel with a logit above it can be computed from the window alone. */
  lowest: number
}

/** Two candidates that share pixels: their indices in the list, the lower first, and the number of shared pixels. */
export type Overlap = [first: number, second: number, pixels: number]

/** Candidates of an image, with the pixels that they share. */
export interface CandidateSet<T extends CandidateMeasures = Candidate> {
  size: Size
  /** Sorted by predicted IoU, the best first. */
  candidates: T[]
  /** All pairs that share a pixel. */
  overlaps: Overlap[]
}

/** Why a mask did not become a candidate, in the order in which the tests are applied. */
export const rejectionReasons = ['floorPredIou', 'floorStability', 'cropEdge', 'duplicates', 'seams'] as const
/** Why a mask did not become a candidate. */
export type RejectionReason = (typeof rejectionReasons)[number]

/** The generator's result: the candidates, and the number of masks they were chosen from. */
export interface GeneratedSet extends CandidateSet {
  /** The number of prompts that the model was given. */
  prompts: number
  /** The number of masks that the model predicted: three for a point, one for a point and a box. */
  masks: number
  removed: Record<RejectionReason, number>
}
