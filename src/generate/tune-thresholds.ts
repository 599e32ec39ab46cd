/** @file Searches the generator's thresholds for the best scores on a few labelled images. */
import type { CandidateSet, CandidateMeasures } from '../../engine/generate/candidate'
import { filterCandidates, type FilterOptions } from '../../engine/generate/filter'
import { type MaskScores, type Overlaps, poolScores, scorePairs } from '../evaluation/detection'

/** The thresholds that are searched. */
export type Thresholds = Pick<FilterOptions, 'predIouThresh' | 'stabilityScoreThresh' | 'minArea'>

export interface TuneImage {
  set: CandidateSet<CandidateMeasures>
  pairs: Overlaps
}

export interface Trial {
  thresholds: Thresholds
  /** The objective: the mean of F1 at IoU 0.5 and 0.75, all images pooled. */
  f1: number
  scores: MaskScores
}

export interface Tuned {
  best: Trial
  /** With the thresholds before the search. */
  before: Trial
  /** All trials, the best first. */
  trials: Trial[]
}

const steps = (low: number, high: number, by: number) =>
  Array.from({ length: Math.round((high - low) / by) + 1 }, (_, i) => Number((low + i * by).toFixed(4)))

const COARSE = {
  predIouThresh: steps(0.5, 0.95, 0.05),
  stabilityScoreThresh: steps(0.5, 0.95, 0.05),
  minArea: [0, 30, 100, 300],
}

/** A finer grid around the best of the coarse one. */
const around = ({ predIouThresh, stabilityScoreThresh, minArea }: Thresholds) => ({
  predIouThresh: steps(predIouThresh - 0.04, predIouThresh + 0.04, 0.01),
  stabilityScoreThresh: steps(stabilityScoreThresh - 0.04, stabilityScoreThresh + 0.04, 0.01),
  minArea: minArea ? [0.5, 0.75, 1, 1.5, 2].map((factor) => Math.round(factor * minArea)) : [0, 8, 15],
})

/**
 * Searches a coarse grid, then a finer one around its best trial. Of equally good trials, the one with the stricter
 * thresholds wins.
 * @param floors thresholds below these are not tried, because candidates below them were not kept
 * @param onProgress called with the number of trials so far
 */
export async function tuneThresholds(
  images: readonly TuneImage[],
  options: FilterOptions,
  floors: { predIouThresh: number; stabilityScoreThresh: number },
  onProgress: (done: number) => void = () => {},
): Promise<Tuned> {
  const trialOf = new Map<string, Trial>()
  const evaluate = (thresholds: Thresholds): Trial => {
    const key = JSON.stringify(thresholds)
    const known = trialOf.get(key)
    if (known) return known
    const scores = poolScores(
      images.map(({ set, pairs }) => scorePairs(pairs, filterCandidates(set, { ...options, ...thresholds }).kept)),
    )
    const trial = { thresholds, scores, f1: scores.at.reduce((sum, { f1 }) => sum + f1, 0) / scores.at.length }
    trialOf.set(key, trial)
    return trial
  }
  const { predIouThresh, stabilityScoreThresh, minArea } = options
  const before = evaluate({ predIouThresh, stabilityScoreThresh, minArea })
  const search = async (grid: typeof COARSE) => {
    for (const predIouThresh of grid.predIouThresh) {
      if (predIouThresh < floors.predIouThresh || predIouThresh >= 1) continue
      for (const stabilityScoreThresh of grid.stabilityScoreThresh) {
        if (stabilityScoreThresh < floors.stabilityScoreThresh || stabilityScoreThresh >= 1) continue
        for (const minArea of grid.minArea) evaluate({ predIouThresh, stabilityScoreThresh, minArea })
        onProgress(trialOf.size)
        await new Promise(setImmediate) // lets Ctrl-C through
      }
    }
  }
  await search(COARSE)
  await search(around(ranked(trialOf.values())[0].thresholds))
  const trials = ranked(trialOf.values())
  return { best: trials[0], before, trials }
}

/** Trials, the best first. */
const ranked = (trials: Iterable<Trial>): Trial[] =>
  [...trials].sort(
    (a, b) =>
      b.f1 - a.f1 ||
      b.thresholds.predIouThresh - a.thresholds.predIouThresh ||
      b.thresholds.stabilityScoreThresh - a.thresholds.stabilityScoreThresh ||
      b.thresholds.minArea - a.thresholds.minArea,
  )
