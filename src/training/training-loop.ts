/** @file The training loop: optimiser steps, with validations and checkpoints between them, until done or asked to stop. */
import type { Batches } from './batches'
import type { TrainingProgress } from './checkpoint-file'
import type { Checkpoints } from './checkpoints'
import type { TrainConfig } from './config'
import { DivergenceGuard } from './divergence-guard'
import type { RunReporter } from './run-reporter'
import { earlyEnding, epochsDone, learningRate, totalSteps, validationDue } from './schedule'
import type { TrainingSession } from './session'
import type { Validator } from './validate'

/** Weight of the newest loss in the running mean. */
const LOSS_WEIGHT = 0.05

export interface LoopOptions {
  config: TrainConfig
  session: TrainingSession
  batches: Batches
  /** The number of training images. */
  images: number
  /** Null for no validation. */
  validator: Validator | null
  checkpoints: Checkpoints
  reporter: RunReporter
  /** Polled between steps and between validation images; true ends the loop after a checkpoint. */
  stop: () => boolean
  log: (line: string) => void
}

export class TrainingLoop {
  private readonly started = performance.now()
  /** Seconds of earlier sessions. */
  private readonly earlierSeconds: number
  private readonly total: number
  private readonly guard: DivergenceGuard

  /** `progress` is where the run continues; the loop updates it. */
  constructor(
    private readonly options: LoopOptions,
    private readonly progress: TrainingProgress,
  ) {
    const { config, images, checkpoints } = options
    this.earlierSeconds = progress.seconds
    this.total = totalSteps(config, images)
    this.guard = new DivergenceGuard(() => checkpoints.resumeAdvice(), progress.skipped)
  }

  /**
   * Trains to the end, or until `stop` returns true, and saves.
   * @returns true if the run is finished
   * @throws UserError if the run diverges
   */
  async run(): Promise<boolean> {
    const { progress } = this
    const { checkpoints, validator, stop } = this.options
    let finished = false
    while (!finished && !stop()) {
      const validation = await this.validateIfDue()
      if (validation === 'done') await this.save()
      finished = progress.step >= this.end() && validation !== 'stopped'
      if (finished || validation === 'stopped') break
      await this.step()
      if (checkpoints.isDue(progress)) await this.save()
    }
    await this.save()
    await checkpoints.exportLast()
    // whoever stops a run before its first validation still finds an adapter in best/
    if (!finished && validator && progress.step && !progress.best) await checkpoints.saveBest(progress)
    return finished
  }

  /** The last step. */
  private end(): number {
    const { step, ending } = this.progress
    return step > 0 && this.timeShare() >= 1 ? step : (ending?.to ?? this.total)
  }

  /** The fraction of the time limit that has passed after the last step or validation; 0 without a limit. */
  private timeShare(): number {
    const { minutes } = this.options.config
    return minutes === null ? 0 : this.progress.seconds / (60 * minutes)
  }

  private async step(): Promise<void> {
    const { progress, total } = this
    const { config, session, batches, images, reporter } = this.options
    const began = performance.now()
    const step = progress.step + 1
    const rate = learningRate(config, step, total, progress.ending, this.timeShare())
    const batch = await batches.next()
    session.step.run((await session.frozen?.encode(batch)) ?? batch.microBatches, rate)
    const report = await session.step.report()
    const { loss, parts, gradientNorm, skipped, origin } = report
    progress.skipped = this.guard.check(step, report)
    progress.step = step
    progress.data = batch.after
    progress.loss = progress.loss === null ? loss : (1 - LOSS_WEIGHT) * progress.loss + LOSS_WEIGHT * loss
    progress.seconds = this.seconds()
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
      time: { seconds: progress.seconds, imagesPerSecond: (1000 * config.batch) / (performance.now() - began) },
    } as const
    await reporter.reportStep(record, progress.loss)
  }

  /** A validation that was stopped is done again when the run resumes. */
  private async validateIfDue(): Promise<'done' | 'not due' | 'stopped'> {
    const { progress, total } = this
    const { config, validator, images, checkpoints, reporter, stop } = this.options
    const { step } = progress
    if (!validator) return 'not due'
    const first = step === 0 && progress.validated < 0
    if (!first && !validationDue(config, images, progress.validated, step, total, this.end())) return 'not due'
    const validation = await validator.run(stop, reporter.pictureTaker(step))
    if (!validation) return 'stopped'
    const epoch = epochsDone(step, config.batch, images)
    const { score } = validation
    const isBest = step > 0 && (!progress.best || score > progress.best.score)
    // before the first step the adapter changes nothing: this is the base model
    if (step === 0) progress.base = score
    if (isBest) progress.best = { epoch, step, score }
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
