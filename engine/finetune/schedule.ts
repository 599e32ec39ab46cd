/** @file Length of a run, validation times and learning rate, from the configuration. */
import type { ScheduleRecipe } from './recipe'

/**
 * The length of a run unless the configuration says it: 40 epochs, but at least 100 steps. With few images 40 epochs are too
 * few steps to learn anything: one image in batches of eight (variants of it) would give five.
 */
const DEFAULT_EPOCHS = 40
const LEAST_STEPS = 100

const stepsOf = (epochs: number, batch: number, images: number): number => Math.ceil((epochs * images) / batch)

/** The number of optimiser steps of a run. `images`: training images. The last batch is filled up from the next epoch. */
export function totalSteps({ epochs, batch, maxSteps }: ScheduleRecipe, images: number): number {
  const [passes, least] = epochs === 'auto' ? [DEFAULT_EPOCHS, LEAST_STEPS] : [epochs, 1]
  return Math.min(maxSteps ?? Infinity, Math.max(least, stepsOf(passes, batch, images)))
}

/** Passes over the training images after `step` steps, as a fraction. */
export const epochsDone = (step: number, batch: number, images: number): number => (step * batch) / images

/**
 * True if a validation is due at `step`, the last having been at `last`: every `validation.every` epochs and at the end. Where
 * few images make a run of more than 40 epochs, its validations are spread over them, because an epoch may be less than a step.
 * `total` is the number of steps that was planned, `end` the last one, which comes earlier if the run stops early.
 */
export function validationDue(
  config: ScheduleRecipe,
  images: number,
  last: number,
  step: number,
  total: number,
  end = total,
): boolean {
  if (!config.validation.every || step <= last) return false
  const due = (s: number) => validationsUntil(config, images, s, total)
  return step >= end || due(step) > due(Math.max(0, last))
}

/** The number of validations that are due in steps 1 to `step`, without that at the end of the run. */
function validationsUntil(config: ScheduleRecipe, images: number, step: number, total: number): number {
  const spread = config.epochs === 'auto' ? Math.max(1, total / stepsOf(DEFAULT_EPOCHS, config.batch, images)) : 1
  return Math.floor(epochsDone(step, config.batch, images) / (config.validation.every * spread))
}

/** The number of validations after `step`, that at the end of the run included. */
export function validationsLeft(config: ScheduleRecipe, images: number, step: number, total: number): number {
  if (!config.validation.every || step >= total) return 0
  const due = (s: number) => validationsUntil(config, images, s, total)
  return due(total - 1) - due(step) + 1
}

/** The end of a run that stops early: its learning rate falls from that of step `from`, and step `to` is its last. */
export interface Ending {
  from: number
  to: number
}

/** An early end takes this fraction of the steps so far, in which the learning rate falls to 0. */
const ENDING_SHARE = 0.1

/** The end of a run that is to stop early after `step` steps; with a constant rate at once, else no later than planned. */
export const earlyEnding = ({ schedule }: ScheduleRecipe, step: number, total: number): Ending => ({
  from: step,
  to: schedule.kind === 'constant' ? step : Math.min(total, step + Math.ceil(ENDING_SHARE * step)),
})

/**
 * The learning rate of a step, counted from 1: linear warm-up to the full rate, then constant or half a cosine down to 0. From
 * an early ending on it is half a cosine from its value there, so that a run that stops early is annealed as well.
 * @param timeShare the fraction of a time limit that has passed; 0 without a limit
 */
export function learningRate(
  config: ScheduleRecipe,
  step: number,
  total: number,
  ending: Ending | null = null,
  timeShare = 0,
): number {
  // with a time limit the rate is that of the step or of the time, whichever is further; the warm-up counts steps
  if (timeShare > 0) {
    const timed = plannedRate(config, Math.min(total, Math.ceil(timeShare * total)), total)
    const stepped = learningRate(config, step, total, ending)
    return timeShare * total > step ? Math.min(timed, stepped) : stepped
  }
  if (!ending || step <= ending.from) return plannedRate(config, step, total)
  const { from, to } = ending
  return (plannedRate(config, from, total) * (1 + Math.cos((Math.PI * (step - from)) / (to - from + 1)))) / 2
}

function plannedRate({ optimizer, schedule }: ScheduleRecipe, step: number, total: number): number {
  const warmup = Math.min(schedule.warmup ?? Math.ceil(total / 20), total)
  if (step <= warmup) return (optimizer.learningRate * step) / warmup
  if (schedule.kind === 'constant') return optimizer.learningRate
  return (optimizer.learningRate * (1 + Math.cos((Math.PI * (step - warmup - 1)) / Math.max(1, total - warmup)))) / 2
}
