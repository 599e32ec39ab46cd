/** @file Searches the generator's thresholds for the best scores on a few labelled images. */
import { candidatesAtScale } from '../generate/at-scale'
import { firstPoints } from '../generate/candidates'
import type { CandidateSet, CandidateMeasures } from '../generate/candidate'
import { filterCandidates, type FilterOptions, type ScoreThresholds } from '../generate/filter'
import type { GenerateHooks, MaskGenerator } from '../generate/generator'
import type { Point } from '../image/box'
import { type LabelMap, MAX_LABEL } from '../image/label-map'
import type { RgbImage } from '../image/rgb-image'
import type { ScaleSettings } from '../scale/scale-settings'
import type { View } from '../scale/view'
import { boxes } from '../masks/instances'
import { bestIous, type MaskScores, type Overlaps, pairMasks, poolScores, scorePairs } from './detection'

/** The thresholds that are searched, and the one that the search takes as given. */
export type Thresholds = ScoreThresholds & Pick<FilterOptions, 'minArea'>

/** What a search needs to know of an image: its candidates without their pixels, and their overlaps with the labels. */
export interface TuneImage {
  set: CandidateSet<CandidateMeasures>
  /** With the instances that the search counts. */
  pairs: Overlaps
  /** For each candidate its IoU with the instance that it fits best; 0 without overlap. */
  ious: number[]
}

export interface Trial {
  thresholds: Thresholds
  /** The objective: the mean of F1 at IoU 0.5 and 0.75, all images pooled. */
  f1: number
  scores: MaskScores
}

export interface Tuned {
  /** Not the one with the highest F1, but in the middle of those that are as good as far as the images can tell. */
  chosen: Trial
  /** With the thresholds before the search. */
  before: Trial
  /** All trials, those with the highest F1 first. */
  trials: Trial[]
}

export interface TuneOptions {
  /** Thresholds below these are not tried, because candidates below them were not kept. */
  floors: { predIouThresh: number; stabilityScoreThresh: number }
  /** Whether the minimum area is searched too; it suits only images of the same scale. */
  areas: boolean
  /** The relativeScoreThresh of all trials. */
  relativeScore: number
  /** Receives the number of trials so far. */
  onProgress?(done: number): void
}

/**
 * The relativeScoreThresh with which thresholds are tuned. It is not searched: on a few images like those of the training nearly any value
 * does, and it is meant for other images (docs/results.md#thresholds-of-the-generator).
 */
export const TUNED_RELATIVE_SCORE = 0.85

/** Candidates of the search must pass these: no threshold below them is worth trying. */
export const TUNING_FLOORS = { floorPredIou: 0.4, floorStability: 0.4 }

/**
 * Trials whose F1 is less than the highest one by at most this fraction count as equally good: what about six masks change, because
 * that many are right or wrong by chance (docs/results.md#thresholds-of-the-generator); at least 0.005, at most 0.2.
 */
const tolerance = (particles: number) => Math.min(0.2, Math.max(0.005, 3 / particles))

export interface TuneImageOptions extends GenerateHooks {
  /** At which scale the generator sees the image: as it will when the thresholds are used. The whole image if absent. */
  scale?: ScaleSettings
  /**
   * Whether the generator's grid is coarser than the one that the thresholds are meant for. Particles between its points are then
   * left out, because no threshold finds them: counted as missed, they would make too low thresholds look good.
   */
  coarse?: boolean
}

/** Finds an image's candidates, and compares them with its labels. @throws the abort reason of `signal` */
export async function findTuneImage(
  generator: MaskGenerator,
  image: RgbImage,
  labels: LabelMap,
  { scale = { diameter: 'none' }, coarse, ...hooks }: TuneImageOptions = {},
): Promise<TuneImage & { view: View }> {
  const { set: found, view } = await candidatesAtScale(generator, image, scale, hooks)
  const { size, overlaps, candidates } = found
  // without the masks: those of all images would not fit into memory
  const measures = candidates.map(({ area, box, predictedIou, stability, crop }) => ({
    area,
    box,
    predictedIou,
    stability,
    crop,
  }))
  const masks = candidates.map(({ mask }) => mask)
  const pairs = pairMasks(labels, masks)
  const set = { size, overlaps, candidates: measures }
  const ious = bestIous(pairs)
  if (!coarse) return { set, pairs, ious, view }
  const { tileSize, tileHalo } = view
  const reached = reachedLabels(labels, pairs, firstPoints(size, { ...generator.options, tileSize, tileHalo }))
  return { set, pairs: pairMasks(reached, masks), ious, view }
}

/** The labels of the instances that have a point in them, or that some mask finds. */
export function reachedLabels(labels: LabelMap, { pairs }: Overlaps, points: readonly Point[]): LabelMap {
  const reached = new Uint8Array(MAX_LABEL + 1)
  for (const [x, y] of points) reached[labels.data[Math.floor(y) * labels.width + Math.floor(x)]] = 1
  const ids = boxes(labels).map(({ id }) => id)
  for (const { instance, iou } of pairs) if (iou >= 0.5) reached[ids[instance]] = 1
  return { ...labels, data: labels.data.map((id) => (reached[id] ? id : 0)) }
}

const steps = (low: number, high: number, by: number) =>
  Array.from({ length: Math.round((high - low) / by) + 1 }, (_, i) => Number((low + i * by).toFixed(4)))

const COARSE: Record<'predIouThresh' | 'stabilityScoreThresh' | 'minArea', number[]> = {
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
 * Searches a coarse grid, then a finer one around its best trial. Of trials that are equally good by F1 the one in their middle is
 * chosen: the highest F1 of a few images is chance, and thresholds at the edge of the good ones are too strict or too lax elsewhere.
 */
export async function tuneThresholds(
  images: readonly TuneImage[],
  options: FilterOptions,
  { floors, areas, relativeScore, onProgress = () => {} }: TuneOptions,
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
  const { predIouThresh, stabilityScoreThresh, minArea, relativeScoreThresh } = options
  const before = evaluate({ predIouThresh, stabilityScoreThresh, minArea, relativeScoreThresh })
  const search = async (grid: typeof COARSE): Promise<Set<Trial>> => {
    const found = new Set<Trial>()
    const minAreas = areas ? grid.minArea : [minArea]
    for (const predIouThresh of grid.predIouThresh) {
      if (predIouThresh < floors.predIouThresh || predIouThresh >= 1) continue
      for (const stabilityScoreThresh of grid.stabilityScoreThresh) {
        if (stabilityScoreThresh < floors.stabilityScoreThresh || stabilityScoreThresh >= 1) continue
        for (const minArea of minAreas)
          found.add(evaluate({ predIouThresh, stabilityScoreThresh, minArea, relativeScoreThresh: relativeScore }))
        onProgress(trialOf.size)
        await new Promise((resolve) => setTimeout(resolve)) // lets interrupts through
      }
    }
    return found
  }
  const coarse = await search(COARSE)
  const fine = await search(around((ranked(coarse)[0] ?? before).thresholds))
  const searched = ranked(new Set([...coarse, ...fine]))
  return {
    chosen: searched.length ? middle(searched, coarse) : before,
    before,
    trials: ranked(trialOf.values()),
  }
}

/**
 * Of the trials that are as good as the first, with its minimum area, the one nearest to their mean.
 * @param trials those with the highest F1 first
 * @param even those of them that are evenly spaced: the mean is of these, if any is as good as the first
 */
function middle(trials: readonly Trial[], even: ReadonlySet<Trial>): Trial {
  const [{ f1: highest, scores, thresholds: first }] = trials
  const equal = trials.filter(
    ({ f1, thresholds }) => f1 >= highest * (1 - tolerance(scores.instances)) && thresholds.minArea === first.minArea,
  )
  const spaced = equal.filter((trial) => even.has(trial))
  const averaged = spaced.length ? spaced : equal
  const mean = (of: (thresholds: Thresholds) => number) =>
    averaged.reduce((sum, { thresholds }) => sum + of(thresholds), 0) / averaged.length
  const [predIou, stability] = [mean((t) => t.predIouThresh), mean((t) => t.stabilityScoreThresh)]
  const distance = ({ thresholds: t }: Trial) =>
    Math.hypot(t.predIouThresh - predIou, t.stabilityScoreThresh - stability)
  return equal.reduce((nearest, trial) => (distance(trial) < distance(nearest) ? trial : nearest))
}

/** Trials, those with the highest F1 first, of equal ones the strictest. */
const ranked = (trials: Iterable<Trial>): Trial[] =>
  [...trials].sort(
    (a, b) =>
      b.f1 - a.f1 ||
      b.thresholds.predIouThresh - a.thresholds.predIouThresh ||
      b.thresholds.stabilityScoreThresh - a.thresholds.stabilityScoreThresh ||
      b.thresholds.minArea - a.thresholds.minArea,
  )
