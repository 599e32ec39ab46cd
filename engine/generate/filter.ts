/** @file Chooses among candidates by their measures alone: what a slider moves, in milliseconds. */
import { regionKey, sameRegion } from '../image/box'
import type { CandidateSet, Scored } from './candidate'
import { containmentLosers } from './containment'
import { suppress } from './nms'
import { Neighbours } from './overlap-lists'

export interface FilterOptions {
  /** Keep what has a higher predicted IoU; 0 keeps all (the reference's pred_iou_thresh). */
  predIouThresh: number
  /** Keep what has at least this stability (stability_score_thresh); 0 keeps all. */
  stabilityScoreThresh: number
  /** Pixels; 0 is no limit. */
  minArea: number
  /** Share of the image, 0 to 1; 1 is no limit. What is larger is background or an agglomerate. */
  maxArea: number
  /** Drop what frames the picture: touches three or four of its edges. */
  dropFrames: boolean
  /** Drop the worse of two of one crop whose boxes have a higher IoU (box_nms_thresh); 1 is off. */
  boxNmsThresh: number
  /** Drop the worse of two masks of a higher IoU; 1 is off. */
  maskNmsThresh: number
  /** Of two that share more than this part of the smaller one, one goes: see containment.ts; 1 is off. */
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

/**
 * Applies the filters one after the other. "Worse" is the lower predicted IoU; of equal ones the later in the list.
 * Candidates need not be in order.
 */
export function filterCandidates(set: CandidateSet<Scored>, options: FilterOptions): Filtered {
  const { candidates, size } = set
  const removed = Object.fromEntries(filterNames.map((name) => [name, 0])) as Record<FilterName, number>
  let alive = candidates.map((_, i) => i)
  alive.sort((a, b) => candidates[b].predictedIou - candidates[a].predictedIou || a - b)
  const keep = (name: FilterName, good: (i: number) => boolean) => {
    const before = alive.length
    alive = alive.filter(good)
    removed[name] = before - alive.length
  }
  const { predIouThresh, stabilityScoreThresh, maxArea } = options
  keep('predictedIou', (i) => predIouThresh <= 0 || candidates[i].predictedIou > predIouThresh)
  keep('stability', (i) => stabilityScoreThresh <= 0 || candidates[i].stability >= stabilityScoreThresh)
  keep('minArea', (i) => candidates[i].area >= options.minArea)
  keep('maxArea', (i) => maxArea >= 1 || candidates[i].area <= maxArea * size.width * size.height)
  keep('frames', (i) => !options.dropFrames || edgesTouched(candidates[i], size) < 3)
  if (options.boxNmsThresh < 1) {
    const boxes = candidates.map(({ box }) => box)
    const stay = new Set(suppress(alive, boxes, options.boxNmsThresh, cropNumbers(candidates)))
    keep('boxNms', (i) => stay.has(i))
  }
  if (options.maskNmsThresh >= 1 && options.containmentThresh >= 1) return { kept: alive, removed }
  const neighbours = new Neighbours(set)
  if (options.maskNmsThresh < 1) {
    const stays = new Uint8Array(candidates.length)
    keep('maskNms', (i) => {
      const rival = neighbours.of(i, (k, shared) => {
        const union = candidates[i].area + candidates[k].area - shared
        return stays[k] === 1 && shared / union > options.maskNmsThresh
      })
      if (!rival) stays[i] = 1
      return !rival
    })
  }
  if (options.containmentThresh < 1) {
    const losers = containmentLosers(candidates, alive, neighbours, options.containmentThresh)
    keep('containment', (i) => !losers.has(i))
  }
  return { kept: alive, removed }
}

/** How many of the image's four edges a box reaches. */
function edgesTouched({ box }: Scored, { width, height }: { width: number; height: number }): number {
  return [box.x0 <= 0, box.y0 <= 0, box.x1 >= width - 1, box.y1 >= height - 1].filter(Boolean).length
}

/** Of each candidate which crop it was found in, as a number. */
function cropNumbers(candidates: readonly Scored[]): Uint32Array {
  const numbers = new Map<string, number>()
  return Uint32Array.from(candidates, ({ crop }) => {
    const key = regionKey(crop)
    if (!numbers.has(key)) numbers.set(key, numbers.size)
    return numbers.get(key)!
  })
}

export const sameCrop = (a: Scored, b: Scored): boolean => sameRegion(a.crop, b.crop)
