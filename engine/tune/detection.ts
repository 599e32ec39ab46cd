/** @file Scores proposed masks against labelled instances: precision, recall, F1 and the error of their number. */
import type { Mask } from '../masks/mask'
import { type LabelMap, MAX_LABEL } from '../image/label-map'
import { boxes } from '../masks/instances'

/** The IoU levels at which an instance counts as found. */
const scoredIous = [0.5, 0.75] as const

/** A mask and an instance that overlap: their indices in the lists of masks and of instances, and their IoU. */
export interface Pair {
  mask: number
  instance: number
  iou: number
}

/** The overlaps of masks and instances, computed once; any subset of the masks can then be scored without the pixels. */
export interface Overlaps {
  masks: number
  instances: number
  /** In descending order of IoU. */
  pairs: Pair[]
  /** For each mask its area in pixels, and the part of it on instances too small to count. */
  areas: number[]
  uncounted: number[]
}

export interface FoundScores {
  /** The minimum IoU of a match. */
  iou: number
  found: number
  precision: number
  recall: number
  f1: number
}

export interface MaskScores {
  instances: number
  masks: number
  /** (masks - instances) / instances; NaN without instances. */
  countError: number
  at: FoundScores[]
}

/** Compares every mask with every instance of at least `minArea` pixels. */
export function pairMasks(truth: LabelMap, masks: readonly Mask[], minArea = 1): Overlaps {
  const found = boxes(truth).filter(({ area }) => area >= minArea)
  // the index of each label's instance; -1: background, -2: an instance that does not count
  const place = new Int32Array(MAX_LABEL + 1).fill(-2)
  place[0] = -1
  found.forEach(({ id }, i) => (place[id] = i))
  const pairs: Pair[] = []
  const areas: number[] = []
  const uncounted: number[] = []
  const shared = new Map<number, number>()
  masks.forEach((mask, m) => {
    shared.clear()
    let area = 0
    let small = 0
    for (let y = 0, from = 0; y < mask.height; y++) {
      const row = (mask.y0 + y) * truth.width + mask.x0
      for (let x = 0; x < mask.width; x++, from++) {
        if (!mask.data[from]) continue
        area++
        const instance = place[truth.data[row + x]]
        if (instance >= 0) shared.set(instance, (shared.get(instance) ?? 0) + 1)
        else if (instance === -2) small++
      }
    }
    areas.push(area)
    uncounted.push(small)
    for (const [instance, pixels] of shared)
      pairs.push({ mask: m, instance, iou: pixels / (area + found[instance].area - pixels) })
  })
  pairs.sort((a, b) => b.iou - a.iou || a.mask - b.mask || a.instance - b.instance)
  return { masks: masks.length, instances: found.length, pairs, areas, uncounted }
}

/** For each mask the IoU with the instance that it fits best; 0 without overlap. */
export function bestIous({ masks, pairs }: Overlaps): number[] {
  const best = Array<number>(masks).fill(0)
  for (const { mask, iou } of pairs) best[mask] = Math.max(best[mask], iou)
  return best
}

/**
 * Scores of the masks in `kept` (all by default). Each instance is matched with at most one mask and each mask with at most
 * one instance, in descending order of IoU. Precision is the fraction of masks with a match, recall that of instances. Without
 * masks the precision is 1, without instances the recall is 1.
 */
export function scorePairs({ masks, instances, pairs }: Overlaps, kept?: Iterable<number>): MaskScores {
  const chosen = new Uint8Array(masks)
  if (kept) for (const m of kept) chosen[m] = 1
  else chosen.fill(1)
  const count = chosen.reduce((sum, one) => sum + one, 0)
  const taken = new Uint8Array(instances)
  const used = new Uint8Array(masks)
  const matched = scoredIous.map(() => 0)
  for (const { mask, instance, iou } of pairs) {
    if (iou < scoredIous[0]) break
    if (!chosen[mask] || used[mask] || taken[instance]) continue
    used[mask] = taken[instance] = 1
    scoredIous.forEach((level, i) => (matched[i] += +(iou >= level)))
  }
  return scoresOfCounts(instances, count, matched)
}

/** The scores of masks against a label map. */
export const scoreMasks = (truth: LabelMap, masks: readonly Mask[], minArea = 1): MaskScores =>
  scorePairs(pairMasks(truth, masks, minArea))

/** Scores of several images together: all their masks and instances have the same weight. */
export function poolScores(scores: readonly MaskScores[]): MaskScores {
  const sum = (of: (score: MaskScores) => number) => scores.reduce((total, score) => total + of(score), 0)
  return scoresOfCounts(
    sum(({ instances }) => instances),
    sum(({ masks }) => masks),
    scoredIous.map((_, i) => sum(({ at }) => at[i].found)),
  )
}

function scoresOfCounts(instances: number, masks: number, matched: readonly number[]): MaskScores {
  return {
    instances,
    masks,
    countError: instances ? (masks - instances) / instances : NaN,
    at: scoredIous.map((iou, i) => {
      const precision = masks ? matched[i] / masks : 1
      const recall = instances ? matched[i] / instances : 1
      const f1 = masks + instances ? (2 * matched[i]) / (masks + instances) : 1
      return { iou, found: matched[i], precision, recall, f1 }
    }),
  }
}
