/** @file Finds the generator's thresholds that fit a few labelled images best; what was tried is kept with the choice. */
import type { CandidateSet, CandidateMeasures } from '../../engine/generate/candidate'
import { filterCandidates, type FilterOptions } from '../../engine/generate/filter'
import { type MaskScores, type Pairs, poolScores, scorePairs } from '../evaluation/detection'

/** The thresholds that are searched. */
export type Thresholds = Pick<FilterOptions, 'predIouThresh' | 'stabilityScoreThresh' | 'minArea'>

export interface TuneImage {
  set: CandidateSet<CandidateMeasures>
  pairs: Pairs
}

export interface Trial {
  thresholds: Thresholds
  /** The mean of F1 at IoU 0.5 and 0.75, all images pooled: what is maximised. */
  f1: number
  scores: MaskScores
}

export interface Tuned {
  best: Trial
  /** With the thresholds as they were. */
  before: Trial
  /** All that were tried, the best first. */
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
 * Searches a coarse grid and then a finer one around its best. Thresholds below `floors` are not tried: what lies there was
 * not kept. Of equals the stricter wins. `onProgress` counts trials.
 */
export async function tuneThresholds(
  images: readonly TuneImage[],
  options: FilterOptions,
  floors: { predIouThresh: number; stabilityScoreThresh: number },
  onProgress: (done: number) => void = () => {},
): Promise<Tuned> {
  const tried = new Map<string, Trial>()
  const attempt = (thresholds: Thresholds): Trial => {
    const key = JSON.stringify(thresholds)
    const known = tried.get(key)
    if (known) return known
    const scores = poolScores(
      images.map(({ set, pairs }) => scorePairs(pairs, filterCandidates(set, { ...options, ...thresholds }).kept)),
    )
    const trial = { thresholds, scores, f1: scores.at.reduce((sum, { f1 }) => sum + f1, 0) / scores.at.length }
    tried.set(key, trial)
    return trial
  }
  const { predIouThresh, stabilityScoreThresh, minArea } = options
  const before = attempt({ predIouThresh, stabilityScoreThresh, minArea })
  const search = async (grid: typeof COARSE) => {
    for (const predIouThresh of grid.predIouThresh) {
      if (predIouThresh < floors.predIouThresh || predIouThresh >= 1) continue
      for (const stabilityScoreThresh of grid.stabilityScoreThresh) {
        if (stabilityScoreThresh < floors.stabilityScoreThresh || stabilityScoreThresh >= 1) continue
        for (const minArea of grid.minArea) attempt({ predIouThresh, stabilityScoreThresh, minArea })
        onProgress(tried.size)
        await new Promise(setImmediate) // lets Ctrl-C through
      }
    }
  }
  await search(COARSE)
  await search(around(ranked(tried)[0].thresholds))
  const trials = ranked(tried)
  return { best: trials[0], before, trials }
}

const ranked = (tried: ReadonlyMap<string, Trial>): Trial[] =>
  [...tried.values()].sort(
    (a, b) =>
      b.f1 - a.f1 ||
      b.thresholds.predIouThresh - a.thresholds.predIouThresh ||
      b.thresholds.stabilityScoreThresh - a.thresholds.stabilityScoreThresh ||
      b.thresholds.minArea - a.thresholds.minArea,
  )
