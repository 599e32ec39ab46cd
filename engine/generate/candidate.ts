/** @file What the generator proposes, and what every later stage (filters, files, review) needs to know of it. */
import type { Mask } from '../masks/mask'
import type { Box, Point, Region } from '../image/box'
import type { Size } from '../image/size'

/** The measures of a mask that the filters go by: no pixels, so that filtering again takes milliseconds. */
export interface Scored {
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
}

/** A mask that passed the first, generous thresholds. */
export interface Candidate extends Scored {
  /** Unpacked from bits at every access, so that thousands of large masks take little memory: keep it while you use it. */
  readonly mask: Mask
  /** The mask token, 1 to 3: from part to whole. */
  token: number
  /** The prompt, in pixels of the image. */
  point: Point
  /** What another threshold needs; absent where it was not kept, or where masks of several tiles were united. */
  logits?: LogitWindow
}

/** The part of a mask's low-resolution logits that matters: outside it they are far below the threshold. */
export interface LogitWindow extends Size {
  x0: number
  y0: number
  /** (height, width) */
  data: Float32Array
  /** Side of the whole plane, of which this is a part. */
  side: number
  /** Side of the model's input. */
  inputSize: number
  /** Pixels whose logit is above this are all computed from within the window: the lowest threshold that can be asked for. */
  lowest: number
}

/** Two candidates that share pixels: their places in the list, the first the lower, and how many pixels. */
export type Overlap = [first: number, second: number, pixels: number]

export interface CandidateSet<T extends Scored = Candidate> {
  size: Size
  /** By predicted IoU, the best first. */
  candidates: T[]
  /** Of all pairs that share a pixel. */
  overlaps: Overlap[]
}

/** Why masks did not become candidates, in the order in which they are looked at. */
export const removals = ['floorPredIou', 'floorStability', 'cropEdge', 'duplicates', 'seams'] as const
export type Removal = (typeof removals)[number]

/** What the generator gives: candidates, and how many masks it saw for them. */
export interface GeneratedSet extends CandidateSet {
  /** Points that were asked about. */
  points: number
  /** Masks that the model gave: three a point. */
  masks: number
  removed: Record<Removal, number>
}
