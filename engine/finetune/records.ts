/** @file The record of a training step, as callbacks receive it and as metrics.jsonl has it. */
import type { LossParts } from '../train/training-step'

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
