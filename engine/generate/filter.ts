/** @file Chooses among candidates by their measures alone, in milliseconds: the review page filters at each move of a slider. */
import { regionKey, sameRegion } from '../image/box'
import type { Size } from '../image/size'
import type { CandidateSet, CandidateMeasures } from './candidate'
import { suppressNested } from './containment'
import { quantile } from '../quantile'
import { suppressBoxes } from './nms'
import { OverlapIndex } from './overlap-index'

/** The thresholds of a mask's score. They depend on the model, so they are tuned for an adapter and stored with it. */
export interface ScoreThresholds {
  /** Keep masks with a higher predicted IoU; 0 keeps all (the reference's pred_iou_thresh). */
  predIouThresh: number
  /** Keep masks with at least this stability (stability_score_thresh); 0 keeps all. */
  stabilityScoreThresh: number
  /**
   * Of the masks that all other filters leave, keep those whose score, predicted IoU times stability, is at least this fraction of the best of
   * the image (their 90 % quantile); 0 keeps all. In an image of clear particles a mask that would do elsewhere is probably ground.
   */
  relativeScoreThresh: number
}

/** The thresholds of a mask's score, among others. */
export const scoreThresholdsOf = (all: ScoreThresholds): ScoreThresholds => ({
  predIouThresh: all.predIouThresh,
  stabilityScoreThresh: all.stabilityScoreThresh,
  relativeScoreThresh: all.relativeScoreThresh,
})

/** Thresholds of the filters. They need only the measures of candidates, so that they can be changed afterwards. */
export interface FilterOptions extends ScoreThresholds {
  /** Minimum area, pixels; 0 is no limit. */
  minArea: number
  /** Maximum area as a fraction of the image, 0 to 1; 1 is no limit. Larger masks are background or agglomerates. */
  maxArea: number
  /** Drop masks that frame the image: those that touch three or four of its edges. */
  dropFrames: boolean
  /** Drop the worse of two of one crop whose boxes have a higher IoU (box_nms_thresh); 1 is off. */
  boxNmsThresh: number
  /** Drop the worse of two masks of a higher IoU; 1 is off. */
  maskNmsThresh: number
  /** Drop one of two masks that share more than this fraction of the smaller one: see containment.ts; 1 is off. */
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
  'relativeScore',
] as const
/** The name of a filter, in the order in which they are applied. */
export type FilterName = (typeof filterNames)[number]

/** The quantile of the scores of an image that stands for its best: a single mask does not decide, and most of them may be wrong. */
const BEST = 0.9

/** The candidates that passed, by index, and how many each filter took out. */
export interface Filtered {
  /** Indices of candidates, the best first. */
  kept: number[]
  /** The number of candidates that each filter removed. */
  removed: Record<FilterName, number>
}

/**
 * Applies the filters one after the other. The worse of two candidates is the one with the lower predicted IoU, the later
 * in the list if they are equal; one without scores is worse than any that has them. Candidates need not be sorted.
 * @throws Error if an overlap does not name two candidates of the set
 * @example
 * const { set } = await generate(model, image)
 * const { kept, removed } = filterCandidates(set, { ...defaultGeneratorOptions, predIouThresh: 0.95 })
 * const masks = kept.map((i) => set.candidates[i].mask)
 */
export function filterCandidates(set: CandidateSet<CandidateMeasures>, options: FilterOptions): Filtered {
  const { candidates, size } = set
  const removed = Object.fromEntries(filterNames.map((name) => [name, 0])) as Record<FilterName, number>
  let alive = candidates.map((_, i) => i)
  alive.sort((a, b) => candidates[b].predictedIou - candidates[a].predictedIou || a - b)
  const keep = (name: FilterName, good: (i: number) => boolean) => {
    const before = alive.length
    alive = alive.filter(good)
    removed[name] += before - alive.length
  }
  const { predIouThresh, stabilityScoreThresh, maxArea } = options
  const unscored = (i: number) => candidates[i].origin !== undefined
  keep('predictedIou', (i) => predIouThresh <= 0 || unscored(i) || candidates[i].predictedIou > predIouThresh)
  keep('stability', (i) => stabilityScoreThresh <= 0 || unscored(i) || candidates[i].stability >= stabilityScoreThresh)
  keep('minArea', (i) => candidates[i].area >= options.minArea)
  keep('maxArea', (i) => maxArea >= 1 || candidates[i].area <= maxArea * size.width * size.height)
  keep('frames', (i) => !options.dropFrames || edgesTouched(candidates[i], size) < 3)
  let index: OverlapIndex | null = null
  const overlapIndex = () => (index ??= new OverlapIndex(set))
  const suppress = () => {
    if (options.boxNmsThresh < 1) {
      const boxes = candidates.map(({ box }) => box)
      const stay = new Set(suppressBoxes(alive, boxes, options.boxNmsThresh, cropNumbers(candidates)))
      keep('boxNms', (i) => stay.has(i))
    }
    if (options.maskNmsThresh < 1) {
      const overlaps = overlapIndex()
      const stays = new Uint8Array(candidates.length)
      keep('maskNms', (i) => {
        const rival = overlaps.some(i, (k, shared) => {
          const union = candidates[i].area + candidates[k].area - shared
          return stays[k] === 1 && shared / union > options.maskNmsThresh
        })
        if (!rival) stays[i] = 1
        return !rival
      })
    }
    if (options.containmentThresh < 1) {
      const nested = suppressNested(candidates, alive, overlapIndex(), options.containmentThresh)
      keep('containment', (i) => !nested.has(i))
    }
  }
  const others = alive.filter(unscored)
  alive = alive.filter((i) => !unscored(i))
  suppress()
  if (options.relativeScoreThresh > 0 && alive.length) {
    const score = (i: number) => candidates[i].predictedIou * candidates[i].stability
    const least = options.relativeScoreThresh * quantile(Float64Array.from(alive, score).sort(), BEST)
    keep('relativeScore', (i) => score(i) >= least)
  }
  // last, so that those that a mask replaced come back where that mask is dropped itself
  if (others.length) {
    alive.push(...others)
    suppress()
  }
  return { kept: alive, removed }
}

/** The number of the image's four edges that a box touches. */
function edgesTouched({ box }: CandidateMeasures, { width, height }: Size): number {
  return [box.x0 <= 0, box.y0 <= 0, box.x1 >= width - 1, box.y1 >= height - 1].filter(Boolean).length
}

/** A number for each candidate that is the same for candidates of the same crop. */
function cropNumbers(candidates: readonly CandidateMeasures[]): Uint32Array {
  const numbers = new Map<string, number>()
  return Uint32Array.from(candidates, ({ crop }) => {
    const key = regionKey(crop)
    if (!numbers.has(key)) numbers.set(key, numbers.size)
    return numbers.get(key)!
  })
}

/** True if two masks were found in the same crop or tile. */
export const sameCrop = (a: CandidateMeasures, b: CandidateMeasures): boolean => sameRegion(a.crop, b.crop)
