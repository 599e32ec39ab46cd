/** @file Length of a run, validation times and learning rate, from the configuration. */
import type { TrainConfig } from './config'

/**
 * The length of a run unless the configuration says it: 40 epochs, but at least 100 steps. With few images 40 epochs are too
 * few steps to learn anything: one image in batches of eight (variants of it) would give five.
 */
const DEFAULT_EPOCHS = 40
const LEAST_STEPS = 100

const stepsOf = (epochs: number, batch: number, images: number): number => Math.ceil((epochs * images) / batch)

/** The number of optimiser steps of a run. `images`: training images. The last batch is filled up from the next epoch. */
export function totalSteps({ epochs, batch, maxSteps }: TrainConfig, images: number): number {
  const [passes, least] = epochs === 'auto' ? [DEFAULT_EPOCHS, LEAST_STEPS] : [epochs, 1]
  return Math.min(maxSteps ?? Infinity, Math.max(least, stepsOf(passes, batch, images)))
}

/** Passes over the training images after `step` steps, as a fraction. */
export const epochsDone = (step: number, batch: number, images: number): number => (step * batch) / images

/**
 * True if a validation is due at `step`, the last having been at `last`: every `validation.every` epochs and at the end. Where
 * few images make a run of more than 40 epochs, its validations are spread over them, because an epoch may be less than a step.
 */
export function validationDue(config: TrainConfig, images: number, last: number, step: number, total: number): boolean {
  const { every } = config.validation
  if (!every || step <= last) return false
  const spread = config.epochs === 'auto' ? Math.max(1, total / stepsOf(DEFAULT_EPOCHS, config.batch, images)) : 1
  const times = (s: number) => Math.floor(epochsDone(s, config.batch, images) / (every * spread))
  return step >= total || times(step) > times(last)
}

/** The learning rate of a step, counted from 1: linear warm-up to the full rate, then constant or half a cosine down to 0. */
export function learningRate({ optimizer, schedule }: TrainConfig, step: number, total: number): number {
  const warmup = Math.min(schedule.warmup ?? Math.ceil(total / 20), total)
  if (step <= warmup) return (optimizer.learningRate * step) / warmup
  if (schedule.kind === 'constant') return optimizer.learningRate
  return (optimizer.learningRate * (1 + Math.cos((Math.PI * (step - warmup - 1)) / Math.max(1, total - warmup)))) / 2
}
