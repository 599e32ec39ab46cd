/** @file The training loop: optimiser steps, with validations and checkpoints between them, until done or asked to stop. */
import type { Engine } from '../device/engine'
import type { FeatureBatch, MicroBatch, StepReport } from '../train/training-step'
import type { Batch } from './batches'
import { DivergenceGuard } from './divergence-guard'
import type { Progress } from './progress'
import type { ScheduleRecipe } from './recipe'
import type { StepRecord } from './records'
import { type Scored, selectionOf } from './selection'
import { earlyEnding, epochsDone, learningRate, totalSteps, validationDue } from './schedule'

/** Weight of the newest loss in the running mean. */
const LOSS_WEIGHT = 0.05

/**
 * Steps that are submitted before the report of the first of them is awaited. The GPU then always has its next step, which the
 * host prepares and uploads while it computes. On a software adapter, where steps take seconds and the host's share is nothing, a
 * second step would only make an interrupt wait.
 */
export const stepsInFlight = ({ software }: Pick<Engine, 'software'>): number => (software ? 1 : 2)

/** A submitted step whose report is still to come. */
interface PendingStep {
  step: number
  rate: number
  after: Progress['data']
  /** When it was submitted, by `performance.now()`. */
  began: number
  report: Promise<StepReport>
}

/** What a clock or a person decides. */
export interface Moment {
  /** True to end the loop. */
  stop: boolean
  /** Seconds of training so far. */
  seconds: number
}

/**
 * The loop and the parts that it calls. P: the progress that checkpoints store, V: the result of a validation, of which selectionOf says how good it is.
 */
export interface LoopOptions<P extends Progress = Progress, V extends Scored = Scored> {
  /** `from`: not null if the training begins with an adapter. */
  config: ScheduleRecipe & { from: unknown }
  session: {
    /** A recorded training step, see TrainingStep. */
    step: {
      run(batches: readonly (MicroBatch | FeatureBatch)[], rate: number): void | Promise<void>
      report(): Promise<StepReport>
    }
    /** Replaces the images of a batch by what the frozen first parts of the encoder make of them; null: steps take images. */
    frozen: { encode(batch: Batch): Promise<FeatureBatch[]> } | null
  }
  batches: { next(): Promise<Batch> }
  /** The number of training images. */
  images: number
  /** Null for no validation. A run that `stop` ends returns null. */
  validator: { run(stop: () => boolean, step: number): Promise<V | null> } | null
  checkpoints: {
    /** True if it is time for one after this step. */
    isDue(progress: { step: number }): boolean
    /** Replaces the last checkpoint, unless nothing has happened since it was written. */
    saveLast(progress: P): Promise<void>
    /** Keeps the present state as the best one. */
    saveBest(progress: P): Promise<void>
    /** Called once at the end, when the last checkpoint is saved. */
    exportLast(): Promise<void>
  }
  reporter: {
    reportStep(record: StepRecord, runningLoss: number): Promise<void>
    reportValidation(validation: V, epoch: number, progress: P, isBest: boolean): Promise<void>
  }
  /** See stepsInFlight. */
  inFlight: number
  /** Polled between steps and between validation images; true ends the loop after a checkpoint. */
  stop: () => boolean
  /**
   * Called once before each step, if several processes train together: makes of what each has seen what all act upon, which must be the
   * same in all of them. The step and the validator then are those of all processes.
   */
  together?: (seen: Moment) => Promise<Moment>
  log: (line: string) => void
}

export class TrainingLoop<P extends Progress, V extends Scored> {
  private readonly started = performance.now()
  /** Seconds of earlier sessions. */
  private readonly earlierSeconds: number
  private readonly total: number
  private readonly guard: DivergenceGuard
  /** In the order of their steps. */
  private readonly pending: PendingStep[] = []
  /** When the last report arrived, by `performance.now()`. */
  private reported = 0
  /** The seconds of training on which all processes have agreed; null if there is only this one. */
  private agreedSeconds: number | null = null

  /** `progress` is where the run continues; the loop updates it. */
  constructor(
    private readonly options: LoopOptions<P, V>,
    private readonly progress: P,
  ) {
    const { config, images } = options
    this.earlierSeconds = progress.seconds
    this.total = totalSteps(config, images)
    this.guard = new DivergenceGuard(progress.skipped)
  }

  /**
   * Trains to the end, or until `stop` returns true, and saves.
   * @returns true if the run is finished
   * @throws DivergedError if the run diverges
   */
  async run(): Promise<boolean> {
    const { progress } = this
    const { checkpoints, validator } = this.options
    let finished = false
    while (!finished && !(await this.stops())) {
      // only a validation and the end need the state of all steps
      if (this.validationIsDue() || this.submitted >= this.end()) await this.settle()
      const validation = await this.validateIfDue()
      if (validation === 'done') await this.save()
      finished = progress.step >= this.end() && validation !== 'stopped'
      if (finished || validation === 'stopped') break
      await this.step()
      if (checkpoints.isDue({ step: this.submitted })) {
        await this.settle()
        await this.save()
      }
    }
    await this.settle()
    await this.save()
    await checkpoints.exportLast()
    // a run that is stopped before its first validation also leaves an adapter in best/
    if (!finished && validator && progress.step && !progress.best) await checkpoints.saveBest(progress)
    return finished
  }

  private async stops(): Promise<boolean> {
    const { stop, together } = this.options
    if (!together) return stop()
    const moment = await together({ stop: stop(), seconds: this.progress.seconds })
    this.agreedSeconds = moment.seconds
    return moment.stop
  }

  /** The number of the step that was submitted last. */
  private get submitted(): number {
    return this.pending.at(-1)?.step ?? this.progress.step
  }

  /** The last step. */
  private end(): number {
    const { submitted } = this
    return submitted > 0 && this.timeShare() >= 1 ? submitted : (this.progress.ending?.to ?? this.total)
  }

  /** The fraction of the time limit that has passed after the last step or validation; 0 without a limit. */
  private timeShare(): number {
    const { minutes } = this.options.config
    return minutes === null ? 0 : (this.agreedSeconds ?? this.progress.seconds) / (60 * minutes)
  }

  /** Submits a step; reports those before it, of which fewer than `inFlight` stay pending. */
  private async step(): Promise<void> {
    const { total, pending } = this
    const { config, session, batches, inFlight } = this.options
    const began = performance.now()
    const step = this.submitted + 1
    const rate = learningRate(config, step, total, this.progress.ending, this.timeShare())
    const batch = await this.nextBatch(batches)
    await session.step.run((await session.frozen?.encode(batch)) ?? batch.microBatches, rate)
    const report = session.step.report()
    // the error is thrown where the report is awaited; until then it must not end the process as an unhandled rejection
    report.catch(() => {})
    pending.push({ step, rate, after: batch.after, began, report })
    while (pending.length >= inFlight) await this.reportNext()
  }

  /** The next batch. If it cannot be prepared, the steps before it are reported first. */
  private async nextBatch(batches: LoopOptions['batches']): Promise<Batch> {
    try {
      return await batches.next()
    } catch (error) {
      await this.settle()
      throw error
    }
  }

  /** Waits until all submitted steps are reported. */
  private async settle(): Promise<void> {
    while (this.pending.length) await this.reportNext()
  }

  private async reportNext(): Promise<void> {
    const { progress, pending } = this
    const { config, images, reporter } = this.options
    const { step, rate, after, began, report: reading } = pending[0]
    const report = await reading
    pending.shift()
    const { loss, parts, gradientNorm, skipped, origin } = report
    progress.skipped = this.guard.check(step, report)
    progress.step = step
    progress.data = after
    progress.loss = progress.loss === null ? loss : (1 - LOSS_WEIGHT) * progress.loss + LOSS_WEIGHT * loss
    progress.seconds = this.seconds()
    const milliseconds = performance.now() - Math.max(began, this.reported)
    this.reported = performance.now()
    const record = {
      kind: 'step',
      step,
      epoch: epochsDone(step, config.batch, images),
      loss,
      parts,
      learningRate: rate,
      gradientNorm,
      ...(skipped && { skipped }),
      ...(origin && { nonFinite: origin.where }),
      time: { seconds: progress.seconds, imagesPerSecond: (1000 * config.batch) / milliseconds },
    } as const
    await reporter.reportStep(record, progress.loss)
  }

  private validationIsDue(): boolean {
    const { progress, total, submitted } = this
    const { config, validator, images } = this.options
    if (!validator) return false
    const first = submitted === 0 && progress.validated < 0
    return first || validationDue(config, images, progress.validated, submitted, total, this.end())
  }

  /** A validation that was stopped is done again when the run resumes. */
  private async validateIfDue(): Promise<'done' | 'not due' | 'stopped'> {
    const { progress } = this
    const { config, validator, images, checkpoints, reporter, stop } = this.options
    const { step } = progress
    if (!validator || !this.validationIsDue()) return 'not due'
    const validation = await validator.run(stop, step)
    if (!validation) return 'stopped'
    const epoch = epochsDone(step, config.batch, images)
    const { score, head } = validation
    // before the first step a new adapter changes nothing: this is the base model; an adapter to begin with may stay the best
    const isBest =
      (step > 0 || config.from !== null) && (!progress.best || selectionOf(validation) > selectionOf(progress.best))
    if (step === 0) progress.base = score
    if (isBest) progress.best = { epoch, step, score, ...(head !== undefined && { head }) }
    progress.waiting = isBest || step === 0 ? 0 : progress.waiting + 1
    progress.validated = step
    this.endEarlyIfDue()
    progress.seconds = this.seconds()
    await reporter.reportValidation(validation, epoch, progress, isBest)
    progress.seconds = this.seconds()
    if (isBest) await checkpoints.saveBest(progress)
    return 'done'
  }

  /** Ends the run if its validations have stopped improving. */
  private endEarlyIfDue(): void {
    const { progress, total } = this
    const { config, log } = this.options
    const { patience } = config.validation
    if (!patience || progress.waiting < patience || progress.ending || progress.step >= total) return
    progress.ending = earlyEnding(config, progress.step, total)
    const { to } = progress.ending
    const then =
      to > progress.step ? `the learning rate falls to 0 until step ${to}, which is the last` : 'the run ends'
    log(`no better validation in the last ${patience}: ${then} (of ${total} planned)`)
  }

  private async save(): Promise<void> {
    this.progress.seconds = this.seconds()
    await this.options.checkpoints.saveLast(this.progress)
  }

  private seconds(): number {
    return this.earlierSeconds + (performance.now() - this.started) / 1000
  }
}
