/** @file Length of a run, validation times and learning rate, from the configuration. */
import type { TrainConfig } from './config'

/** The number of optimiser steps of a run. `images`: training images. The last batch is filled up from the next epoch. */
export const totalSteps = ({ epochs, batch, maxSteps }: TrainConfig, images: number): number =>
  Math.min(maxSteps ?? Infinity, Math.max(1, Math.ceil((epochs * images) / batch)))

/** Passes over the training images after `step` steps, as a fraction. */
export const epochsDone = (step: number, batch: number, images: number): number => (step * batch) / images

/** True if a validation is due at `step`, the last having been at `last`: every `validation.every` epochs, and at the end. */
export function validationDue(config: TrainConfig, images: number, last: number, step: number, total: number): boolean {
  const { every } = config.validation
  if (!every || step <= last) return false
  const times = (s: number) => Math.floor(epochsDone(s, config.batch, images) / every)
  return step >= total || times(step) > times(last)
}

/** The learning rate of a step, counted from 1: linear warm-up to the full rate, then constant or half a cosine down to 0. */
export function learningRate({ optimizer, schedule }: TrainConfig, step: number, total: number): number {
  const warmup = Math.min(schedule.warmup ?? Math.ceil(total / 20), total)
  if (step <= warmup) return (optimizer.learningRate * step) / warmup
  if (schedule.kind === 'constant') return optimizer.learningRate
  return (optimizer.learningRate * (1 + Math.cos((Math.PI * (step - warmup - 1)) / Math.max(1, total - warmup)))) / 2
}
