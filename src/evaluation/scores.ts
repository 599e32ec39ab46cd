/** @file The scores in reports and files: for each model and prompt mode, with intervals and changes from the best rival. */
import { bootstrap, type Interval, percentileInterval } from './bootstrap'
import type { Knots } from '../../engine/tune/calibration'
import type { Reliability } from '../../engine/tune/calibrate-generator'
import { reliabilityOfDetections } from './calibrate-generator'
import type { TalliedMode } from './evaluate'
import type { PromptMode } from './segmenter'
import { scoreBySize, type SizeBin, type SizeUnit } from './size-bins'
import { percentiles } from './size-distance'
import {
  errorOf,
  measureNames,
  type MeasureName,
  pool,
  type Pooled,
  statistics,
  type Values,
  valuesOf,
} from './measures'
import type { View } from '../../engine/scale/view'
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
  /** The parts of the image that the model saw: see View. */
  view?: View
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

/** How a model differs from the best of its rivals on the same images; a rival is chosen for each measure. */
export interface Change {
  /** The name of the rival that is best by the measure; null if the measure is not defined for any. */
  from: Record<MeasureName, string | null>
  /** The model's value minus the rival's. */
  values: Values
  intervals: Intervals
  /** 1 - error / (the rival's error), see `errorOf`: 0.5 if half of the rival's error is gone, below 0 if there is more. */
  errorRemoved: { values: Values; intervals: Intervals }
}

export interface ScoredEvaluation extends EvaluationScores {
  intervals: Intervals
  /** null for a rival, and if no rival was evaluated in this prompt mode. */
  change: Change | null
  /** The scores of the instances by their size, in both units; null where sizes in the unit are not known. */
  bySize: Record<SizeUnit, SizeBin[] | null>
  /** What the predicted IoU of automatic masks was worth; null for prompted masks and for methods without one. */
  reliability: Reliability | null
}

/**
 * The scores of a model in one prompt mode, without intervals.
 * @example
 * const [tally] = (await evaluate({ segmenter: await openModelSegmenter(model, { prompts: ['point'] }), items, prompts: ['point'] })) ?? []
 * const scores = summariseTallies(tally)
 */
export function summariseTallies({ prompt, images }: Omit<TalliedMode, 'seconds'>): EvaluationScores {
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
      ...(tally.view && { view: tally.view }),
    })),
  }
}

export interface ScoreOptions {
  resamples: number
  seed: number
}

/** A model's masks in one prompt mode. */
export interface RatedMode {
  name: string
  /** True if the others are compared with it. */
  rival: boolean
  /** What a predicted IoU of its automatic masks means. */
  calibration?: Knots
  mode: Omit<TalliedMode, 'seconds'>
}

type Samples = Record<MeasureName, Float64Array>

interface Rated {
  name: string
  values: Values
  samples: Samples
}

/** The scores of several models on the same images in one prompt mode. */
export function scoreMode(models: readonly RatedMode[], options: ScoreOptions): ScoredEvaluation[] {
  const rated = models.map(({ name, mode: { images } }): Rated => {
    return { name, values: valuesOf(images), samples: bootstrap(statistics(images), images.length, options) }
  })
  const rivals = rated.filter((_, i) => models[i].rival)
  return models.map(({ rival, mode, calibration = null }, i) => {
    const { samples } = rated[i]
    const intervals = intervalsOf(mode.images.length, (name) => samples[name])
    const change = rival || !rivals.length ? null : changeOf(rivals, rated[i], mode.images.length)
    const bySize = {
      image: scoreBySize(mode.images, 'image', options),
      input: scoreBySize(mode.images, 'input', options),
    }
    const detections = mode.prompt === 'auto' ? mode.images.flatMap(({ detections }) => detections) : []
    const reliability = reliabilityOfDetections(detections, calibration)
    return { ...summariseTallies(mode), intervals, change, bySize, reliability }
  })
}

function changeOf(rivals: readonly Rated[], now: Rated, images: number): Change {
  const best = perMeasure((name) => bestBy(name, rivals))
  const removed = (name: MeasureName, value: number, rival: number) => {
    const error = errorOf(name, rival)
    return error > 0 ? 1 - errorOf(name, value) / error : NaN
  }
  const resampled = (of: (name: MeasureName, value: number, rival: number) => number) => (name: MeasureName) => {
    const before = best[name]?.samples[name]
    return now.samples[name].map((value, r) => (before ? of(name, value, before[r]) : NaN))
  }
  const values = (of: (name: MeasureName, value: number, rival: number) => number) =>
    perMeasure((name) => (best[name] ? of(name, now.values[name], best[name].values[name]) : NaN))
  const difference = (_: MeasureName, value: number, rival: number) => value - rival
  return {
    from: perMeasure((name) => best[name]?.name ?? null),
    values: values(difference),
    intervals: intervalsOf(images, resampled(difference)),
    errorRemoved: { values: values(removed), intervals: intervalsOf(images, resampled(removed)) },
  }
}

/** The model with the smallest error by a measure; null if it is not defined for any. Of equal ones the first. */
function bestBy(name: MeasureName, models: readonly Rated[]): Rated | null {
  const error = ({ values }: Rated) => errorOf(name, values[name])
  return models
    .filter(({ values }) => !Number.isNaN(values[name]))
    .reduce<Rated | null>((best, one) => (!best || error(one) < error(best) ? one : best), null)
}

const perMeasure = <T>(of: (name: MeasureName) => T) =>
  Object.fromEntries(measureNames.map((name) => [name, of(name)])) as Record<MeasureName, T>

/** With a single image there are no intervals: it says nothing about the variation between images. */
const intervalsOf = (images: number, samples: (name: MeasureName) => Float64Array): Intervals =>
  perMeasure((name) => (images > 1 ? percentileInterval(samples(name)) : null))
