/** @file How far a training is: all that a resumed training needs besides the parameters. Plain JSON. */
import type { DataState } from './batches'
import type { Ending } from './schedule'
import type { Scored } from './selection'

export interface Progress {
  /** Optimiser steps taken. */
  step: number
  /** The step of the last validation; -1 before the first, which is at step 0. */
  validated: number
  /** State of the data sampling after this step. */
  data: DataState
  /** The score of the validation at step 0: of the base model, or of the adapter that the training began with. */
  base: number | null
  /** The best validation, see selectionOf. */
  best: ({ epoch: number; step: number } & Scored) | null
  /** Validations in a row without a better one than the best. */
  waiting: number
  /** Set when these were enough: the learning rate falls from its value at step `from`, and step `to` is the last. */
  ending: Ending | null
  /** Running mean of the loss, null before the first step. */
  loss: number | null
  /** The number of consecutive updates skipped because a gradient was not finite. */
  skipped: number
  /** Seconds of training so far: the only value that differs between two trainings with the same bits. */
  seconds: number
}

/** The progress of a training before its first step. */
export const beginning = (data: DataState): Progress => ({
  step: 0,
  validated: -1,
  data,
  base: null,
  best: null,
  waiting: 0,
  ending: null,
  loss: null,
  skipped: 0,
  seconds: 0,
})
