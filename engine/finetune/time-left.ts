/** @file An estimate of how long a run still takes, from the times of its steps and of its validations. */
import type { ScheduleRecipe } from './recipe'
import { validationsLeft } from './schedule'

/** Weight of the newest duration in a running mean: ten steps are enough to follow a machine that others use too. */
const NEWEST = 0.1

/** A mean of durations, in seconds, in which old ones fade. */
class RunningMean {
  private count = 0
  value: number | null = null

  add(seconds: number): void {
    this.count++
    this.value = this.value === null ? seconds : this.value + (seconds - this.value) * Math.max(NEWEST, 1 / this.count)
  }
}

export class TimeLeft {
  private readonly steps = new RunningMean()
  private readonly validations = new RunningMean()

  constructor(
    private readonly config: ScheduleRecipe,
    /** The number of training images. */
    private readonly images: number,
    private readonly total: number,
  ) {}

  stepTook(seconds: number): void {
    this.steps.add(seconds)
  }

  validationTook(seconds: number): void {
    this.validations.add(seconds)
  }

  /**
   * Seconds from the end of `step` to the end of the last step's validation; null before the first step. Validations count as
   * soon as one was timed. A run that stops early takes less.
   * @param seconds the run's time so far, for runs with a time limit
   */
  after(step: number, seconds: number): number | null {
    if (this.steps.value === null) return null
    const { config, images, total } = this
    const validations = (this.validations.value ?? 0) * validationsLeft(config, images, step, total)
    const left = this.steps.value * (total - step) + validations
    return config.minutes === null ? left : Math.min(left, Math.max(0, 60 * config.minutes - seconds))
  }
}
