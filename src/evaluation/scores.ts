/** @file The scores in reports and files: for each model and prompt mode, with intervals and changes from the base model. */
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
  /** The number of instances found at IoU 0.5, 0.55 … 0.95. */
  found: number[]
  boundaryPrecision: number
  boundaryRecall: number
}

/** A model's scores in one prompt mode. */
export interface EvaluationScores extends Values {
  prompt: PromptMode
  instances: number
  masks: number
  pooled: Pooled
  /** Percentiles 0 to 100 of the equivalent diameters in pixels, over all images. */
  diameters: { masks: number[]; instances: number[] }
  perImage: ImageScores[]
}

/** An interval for each measure; null if the measure is NaN or there is only one image. */
export type Intervals = Record<MeasureName, Interval | null>

/** The difference from the base model on the same images. */
export interface Change {
  values: Values
  intervals: Intervals
}

export interface ScoredEvaluation extends EvaluationScores {
  intervals: Intervals
  /** null for the base model itself, and if the base model was not evaluated in this prompt mode. */
  change: Change | null
}

/** The scores of a model in one prompt mode, without intervals. */
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
  /** Whether the first model is the base model that the others are compared with. */
  base: boolean
}

type Samples = Record<MeasureName, Float64Array>

/** The scores of several models on the same images in one prompt mode. */
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

/** With a single image there are no intervals: it says nothing about the variation between images. */
const intervalsOf = (images: number, samples: (name: MeasureName) => Float64Array): Intervals =>
  Object.fromEntries(
    measureNames.map((name) => [name, images > 1 ? percentileInterval(samples(name)) : null]),
  ) as Intervals
