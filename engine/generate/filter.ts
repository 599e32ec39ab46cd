/** @file Chooses among candidates by their measures alone: what a slider moves, in milliseconds. */
import type { CandidateSet, Scored } from './candidate'

export interface FilterOptions {
  /** Keep what has a higher predicted IoU; 0 keeps all (the reference's pred_iou_thresh). */
  predIouThresh: number
  /** Keep what has at least this stability (stability_score_thresh). */
  stabilityScoreThresh: number
  /** Pixels; 0 is no limit. */
  minArea: number
  /** Share of the image, 0 to 1; 1 is no limit. What is larger is background or an agglomerate. */
  maxArea: number
  /** Drop what frames the picture: touches three or four of its edges. */
  dropFrames: boolean
  /** Drop the worse of two whose boxes have a higher IoU (box_nms_thresh); 1 is off. */
  boxNmsThresh: number
  /** Drop the worse of two masks of a higher IoU; 1 is off. */
  maskNmsThresh: number
  /** Drop the worse of two that share more than this part of the smaller one; 1 is off. */
  containmentThresh: number
}

/** The filters, in the order in which they are applied. */
export const filterNames = [
  'predictedIou',
  'stability',
  'minArea',
  'maxArea',
  'frames',
  'boxNms',
  'maskNms',
  'containment',
] as const
export type FilterName = (typeof filterNames)[number]

export interface Filtered {
  /** Places in the list of candidates, the best first. */
  kept: number[]
  /** How many each filter removed. */
  removed: Record<FilterName, number>
}

export function filterCandidates(_set: CandidateSet<Scored>, _options: FilterOptions): Filtered {
  throw new Error('not yet')
}
