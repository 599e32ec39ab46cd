/** @file The records of a run: what metrics.jsonl contains, one record per line. */
import type { LossParts } from '../../engine/train/training-step'

/** The wall-clock part of a record: all that differs between two runs with the same bits. */
export interface Time {
  /** Seconds of training and validation since the start, summed over all sessions. */
  seconds: number
  imagesPerSecond?: number
}

export interface StepRecord {
  kind: 'step'
  step: number
  /** Passes over the training images, as a fraction. */
  epoch: number
  loss: number
  /** The losses whose weighted sum it is; runs of older versions have none. */
  parts?: LossParts
  learningRate: number
  gradientNorm: number
  /** Present if the update was skipped because something was not finite. */
  skipped?: true
  /** Then: where the first number was that is not finite, such as "pixels of image 3 of the batch". */
  nonFinite?: string
  time: Time
}

/** Each 0 to 1; defined in docs/metrics.md. */
export interface Measures {
  dice: number
  miou: number
  accuracy: number
  instanceDice: number
}

/** A validation; that of step 0 is of the base model, or of the adapter that the run began with. */
export interface ValidationRecord {
  kind: 'validation'
  step: number
  epoch: number
  /** The best checkpoint is the one with the highest score. */
  score: number
  point: Measures
  box: Measures
  /** The scores of each folder of images, if there are several. */
  sources?: Record<string, number>
  /** Why the run ended early, in its last validation: these had stopped improving, or the time limit had passed. */
  early?: 'patience' | 'time'
  time: Time
}

export type MetricsRecord = StepRecord | ValidationRecord
