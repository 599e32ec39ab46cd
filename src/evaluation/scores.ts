/** @file The scores that people and files see: of each model in each way, with intervals and changes. */
import { bootstrap, type Interval, percentileInterval } from './bootstrap'
import type { TalliedMode, PromptMode } from './evaluate'
import { percentiles } from './size-distance'
import { measureNames, type MeasureName, pool, type Pooled, statistics, type Values, valuesOf } from './measures'
import type { ImageTally } from './image-tally'

/** An image's own scores, by the same definitions. */
export interface ImageScores extends Values {
  id: string
  instances: number
  masks: number
  /** How many instances are found at IoU 0.5, 0.55 … 0.95. */
  found: number[]
  boundaryPrecision: number
  boundaryRecall: number
}

/** What a model does in one way. */
export interface EvaluationScores extends Values {
  prompt: PromptMode
  instances: number
  masks: number
  pooled: Pooled
  /** Percentiles 0 to 100 of equivalent diameters, pixels, all images together. */
  diameters: { masks: number[]; instances: number[] }
  perImage: ImageScores[]
}

/** null where a measure has no number, or one image only. */
export type Intervals = Record<MeasureName, Interval | null>

/** A difference to the base model on the same images. */
export interface Change {
  values: Values
  intervals: Intervals
}

export interface ScoredEvaluation extends EvaluationScores {
  intervals: Intervals
  /** null of the base model itself, and where it was not evaluated in this way. */
  change: Change | null
}

export function summariseTallies({ prompt, images }: TalliedMode): EvaluationScores {
  const count = (of: (tally: ImageTally) => number) => images.reduce((sum, tally) => sum + of(tally), 0)
  return {
    prompt,
    ...valuesOf(images),
    instances: count(({ instances }) => instances),
    masks: count(({ masks }) => masks),
    pooled: pool(images),
    diameters: {
      masks: percentiles(images.flatMap(({ diameters }) => diameters.masks)),
      instances: percentiles(images.flatMap(({ diameters }) => diameters.instances)),
    },
    perImage: images.map((tally) => ({
      id: tally.id,
      instances: tally.instances,
      masks: tally.masks,
      ...valuesOf([tally]),
      found: tally.found,
      boundaryPrecision: tally.boundary.precision,
      boundaryRecall: tally.boundary.recall,
    })),
  }
}

export interface ScoreOptions {
  resamples: number
  seed: number
  /** Whether the first is what the others are compared with. */
  base: boolean
}

type Samples = Record<MeasureName, Float64Array>

/** One way's scores of several models on the same images. */
export function scoreMode(models: readonly TalliedMode[], options: ScoreOptions): ScoredEvaluation[] {
  const samples = models.map(({ images }) => bootstrap(statistics(images), images.length, options))
  const evaluations = models.map(summariseTallies)
  return evaluations.map((evaluation, i) => {
    const images = models[i].images
    return {
      ...evaluation,
      intervals: intervalsOf(images.length, (name) => samples[i][name]),
      change: i && options.base ? changeOf(evaluations[0], evaluation, samples[0], samples[i], images.length) : null,
    }
  })
}

function changeOf(base: Values, now: Values, before: Samples, after: Samples, images: number): Change {
  const values = Object.fromEntries(measureNames.map((name) => [name, now[name] - base[name]])) as Values
  return { values, intervals: intervalsOf(images, (name) => after[name].map((value, r) => value - before[name][r])) }
}

/** One image tells nothing of how others would differ. */
const intervalsOf = (images: number, samples: (name: MeasureName) => Float64Array): Intervals =>
  Object.fromEntries(
    measureNames.map((name) => [name, images > 1 ? percentileInterval(samples(name)) : null]),
  ) as Intervals
