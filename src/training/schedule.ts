/** @file How long a run is and what its learning rate is at each step: both from the configuration alone. */
import type { TrainConfig } from './config'

/** All optimiser steps of a run on so many training images. The last batch is filled from the next epoch. */
export const totalSteps = ({ epochs, batch, maxSteps }: TrainConfig, images: number): number =>
  Math.min(maxSteps ?? Infinity, Math.max(1, Math.ceil((epochs * images) / batch)))

/** Passes over the training images after so many steps. */
export const epochsDone = (step: number, batch: number, images: number): number => (step * batch) / images

/** Whether a validation is due between the steps `last` and `step`: at every so many epochs, and at the run's end. */
export function validationDue(config: TrainConfig, images: number, last: number, step: number, total: number): boolean {
  const { every } = config.validation
  if (!every || step <= last) return false
  const times = (s: number) => Math.floor(epochsDone(s, config.batch, images) / every)
  return step >= total || times(step) > times(last)
}

/** The learning rate of a step, from 1: up in a line to the full rate, then constant or down half a cosine to 0. */
export function learningRate({ optimizer, schedule }: TrainConfig, step: number, total: number): number {
  const warmup = Math.min(schedule.warmup ?? Math.ceil(total / 20), total)
  if (step <= warmup) return (optimizer.learningRate * step) / warmup
  if (schedule.kind === 'constant') return optimizer.learningRate
  return (optimizer.learningRate * (1 + Math.cos((Math.PI * (step - warmup - 1)) / Math.max(1, total - warmup)))) / 2
}
