/** @file The training loop: steps, validation, checkpoints, metrics; ends when done or asked to, and goes on to the bit. */
import type { Engine } from '../../engine/device/engine'
import type { Recomputation } from '../../engine/sam/recomputation'
import { listHash } from '../dataset/split'
import { messageOf, UserError } from '../host/errors'
import type { EvaluatedImage } from '../evaluation/evaluate'
import { Progress as ProgressLine } from '../host/progress'
import { hardwareOf } from '../host/hardware'
import { JsonlSink } from '../tracking/jsonl-sink'
import type { Sink, TrackingEvent } from '../tracking/sink'
import type { Tracker } from '../tracking/tracker'
import { Transcript } from '../tracking/transcript'
import { Batches } from './batches'
import { type Progress, readCheckpoint, writeCheckpoint } from './checkpoint'
import { type TrainConfig, configHash } from './config'
import { exportAdapter } from './export-adapter'
import type { FeatureCache } from './feature-cache'
import { Guard } from './divergence-guard'
import { openPreparation } from './worker-pool'
import { type MetricsRecord, readMetrics } from '../tracking/records'
import { validationPicture } from './validation-pictures'
import type { Preparation } from './preparation'
import { describePlan } from './plan-text'
import { type RunFolder, hasCheckpoint, saveConfig } from './run-folder'
import { epochsDone, learningRate, totalSteps, validationDue } from './schedule'
import { type Log, type RunData, type Session, openData, openSession } from './session'
import { openTracker, withId } from './open-trackers'
import { Validator } from './validate'

export interface TrainOptions {
  engine: Engine
  config: TrainConfig
  run: RunFolder
  /** Where the run's events go besides its own file and the trackers of its configuration. */
  sinks?: Sink[]
  /** Asked between steps: whether to save and end. */
  stop?: () => boolean
  log?: Log
  /** Features that another run of the same model, storage, input size and images left. */
  features?: FeatureCache
}

export interface TrainSummary {
  run: string
  /** False where the run was asked to end before. */
  finished: boolean
  steps: number
  totalSteps: number
  /** Running mean of the loss. */
  loss: number | null
  best: Progress['best']
  /** Seconds of training, those of earlier sessions included. */
  seconds: number
  parameters: number
  /** Bytes on the GPU in all, as planned. */
  plannedBytes: number
  /** What the backward pass computed again, to save memory. */
  recompute: Recomputation
  images: { train: number; val: number; test: number }
}

/** Trains as the configuration says, from the run's last checkpoint where there is one. */
export async function train(options: TrainOptions): Promise<TrainSummary> {
  const { engine, run, stop = () => false, log = () => {} } = options
  const transcript = new Transcript(log)
  const { say } = transcript
  const data = await openData(options.config, run, say)
  const session = await openSession(engine, options.config, say, options.features)
  const { microBatch, recompute } = session.plan
  const config = withId({ ...options.config, microBatch, recompute })
  const training = new Training(config, run, data, session, stop, transcript)
  let exitCode = 1
  try {
    const summary = await training.run(options.sinks ?? [])
    exitCode = summary.finished ? 0 : 130
    return summary
  } catch (error) {
    const explained = training.guard.explain(error, engine)
    transcript.keep(messageOf(explained))
    throw explained
  } finally {
    await training.close(exitCode)
  }
}

class Training {
  private progress: Progress
  private readonly images: number
  private readonly total: number
  private readonly line: ProgressLine
  private readonly log: Log
  readonly guard: Guard
  private readonly preparation: Preparation
  private batches: Batches
  private sinks: Sink[] = []
  private tracker: Tracker | null = null
  private validator: Validator | null = null
  private readonly started = performance.now()
  /** Seconds of earlier sessions. */
  private before = 0
  /** Of what moment the last checkpoint is, and when it was written. */
  private saved = { step: -1, validated: -1, at: 0 }

  constructor(
    private readonly config: TrainConfig,
    private readonly folder: RunFolder,
    private readonly data: RunData,
    private readonly session: Session,
    private readonly stop: () => boolean,
    private readonly transcript: Transcript,
  ) {
    const { train } = data
    this.log = transcript.say
    this.images = train.length
    this.total = totalSteps(config, train.length)
    this.line = new ProgressLine('training', this.total, { unit: 'steps' })
    this.guard = new Guard(folder)
    this.preparation = openPreparation(config, session.model.engine)
    this.batches = new Batches(train, config, session.plan.microBatch, undefined, this.preparation)
    this.progress = {
      version: 1,
      config: configHash(config),
      images: listHash(train),
      step: 0,
      validated: 0,
      data: this.batches.state,
      best: null,
      loss: null,
      skipped: 0,
      seconds: 0,
    }
  }

  async run(more: Sink[]): Promise<TrainSummary> {
    const { config, folder, data, session, total } = this
    await saveConfig(folder, config)
    if (hasCheckpoint(folder)) await this.restore()
    const { progress } = this
    const { step, validated } = progress
    const told = (record: MetricsRecord) => record.step <= (record.kind === 'step' ? step : validated)
    this.sinks = [await JsonlSink.open(folder.metrics, told), ...more]
    await this.openTracker()
    for (const line of describePlan(session.plan, config)) this.log(line)
    if (data.val.length && config.validation.every)
      this.validator = await Validator.open(session.model, data.val, config)
    this.line.startAt(step)
    if (this.saved.step < 0) await this.save()

    let finished = false
    while (!finished && !this.stop()) {
      const validation = await this.validateWhenDue()
      if (validation) await this.save()
      finished = progress.step >= total && validation !== null
      if (finished || validation === null) break
      await this.trainStep()
      if (this.saveDue()) await this.save()
    }
    await this.save()
    await this.exportTo(folder.last)
    this.line.finish(finished ? '' : `ended before step ${total}`)
    return {
      run: folder.root,
      finished,
      steps: progress.step,
      totalSteps: total,
      loss: progress.loss,
      best: progress.best,
      seconds: progress.seconds,
      parameters: session.adaptation.parameters.count,
      plannedBytes: session.plan.total,
      recompute: session.plan.recompute,
      images: { train: data.train.length, val: data.val.length, test: data.test.length },
    }
  }

  /** Begins with the trackers of the configuration, or goes on with them; the run's own file must be open. */
  private async openTracker(): Promise<void> {
    const { config, folder, data, session, progress } = this
    const { plan } = session
    const past = await readMetrics(folder.metrics)
    // a validation that is still to come belongs to its step
    const told = progress.validated === progress.step ? progress.step : progress.step - 1
    this.tracker = await openTracker({
      config,
      root: folder.root,
      past,
      told: past.length ? told : -1,
      log: this.log,
      gpuBytes: () => plan.total,
    })
    if (!this.tracker) return
    this.sinks.push(this.tracker)
    this.transcript.attach(this.tracker)
    const { engine } = session.model
    const images = { train: data.train.length, val: data.val.length, test: data.test.length }
    const parameters = session.adaptation.parameters.count
    const facts = { images, parameters, plannedGpuBytes: plan.total, hardware: await hardwareOf(engine) }
    await this.tell({ kind: 'config', values: { run: facts } })
    await this.tellBest()
  }

  private async tellBest(): Promise<void> {
    const { best } = this.progress
    if (!best) return
    const values = { 'best/score': best.score, 'best/step': best.step, 'best/epoch': best.epoch }
    await this.tell({ kind: 'summary', values })
  }

  /** Takes pictures of the first images of a validation, where a sink wants them. They are no reason to end a run. */
  private picturesFor(step: number): ((image: EvaluatedImage) => Promise<void>) | undefined {
    const { images } = this.config.tracking
    if (!this.sinks.some(({ wantsImages }) => wantsImages)) return undefined
    let taken = 0
    return async (image) => {
      if (taken >= images) return
      try {
        const picture = await validationPicture(image)
        await this.tell({ kind: 'image', step, name: `val/image_${++taken}`, ...picture })
      } catch (error) {
        taken = images
        this.log(`warning: no picture of ${image.item.id}: ${messageOf(error)}`)
      }
    }
  }

  private async restore(): Promise<void> {
    const { folder, session } = this
    const { progress, parameters } = await readCheckpoint(folder.last)
    if (progress.config !== this.progress.config)
      throw new UserError(
        `the checkpoint in ${folder.last} was made with another configuration than ${folder.config} holds: ` +
          'put back the file that the run wrote, or begin a new run',
      )
    if (progress.images !== this.progress.images)
      throw new UserError(
        `${folder.split} names other training images than the run began with: put back the file that it wrote`,
      )
    try {
      session.adaptation.parameters.upload(parameters)
      session.adaptation.refresh()
    } catch (error) {
      throw new UserError(`the checkpoint in ${folder.last} does not fit the model: ${messageOf(error)}`)
    }
    session.step.step = progress.step
    this.batches = new Batches(this.data.train, this.config, session.plan.microBatch, progress.data, this.preparation)
    this.progress = progress
    this.before = progress.seconds
    this.saved = { step: progress.step, validated: progress.validated, at: performance.now() }
    this.guard.restore(progress)
    this.log(`going on after step ${progress.step} of ${this.total}`)
  }

  private async trainStep(): Promise<void> {
    const { progress, config, session } = this
    const began = performance.now()
    const step = progress.step + 1
    const rate = learningRate(config, step, this.total)
    const batch = await this.batches.next()
    session.step.run((await session.frozen?.encode(batch)) ?? batch.microBatches, rate)
    const report = await session.step.report()
    this.guard.watch(step, report)
    const { loss, parts, gradientNorm, skipped } = report
    progress.step = step
    progress.data = batch.after
    progress.skipped = this.guard.skipped
    progress.loss = progress.loss === null ? loss : 0.95 * progress.loss + 0.05 * loss
    progress.seconds = this.seconds()

    const epoch = epochsDone(step, config.batch, this.images)
    const imagesPerSecond = (1000 * config.batch) / (performance.now() - began)
    await this.tell({
      kind: 'step',
      step,
      epoch,
      loss,
      parts,
      learningRate: rate,
      gradientNorm,
      ...(skipped && { skipped }),
      time: { seconds: progress.seconds, imagesPerSecond },
    })
    const note = `epoch ${epoch.toFixed(1)}  loss ${progress.loss.toFixed(4)}  lr ${rate.toPrecision(3)}  ${imagesPerSecond.toPrecision(2)} images/s`
    this.line.update(step, note)
  }

  /** Whether there was a validation; null where it was asked to end: then it is done again on resuming. */
  private async validateWhenDue(): Promise<boolean | null> {
    const { progress, config, validator, folder } = this
    const { step } = progress
    if (!validator || !validationDue(config, this.images, progress.validated, step, this.total)) return false
    const result = await validator.run(this.stop, this.picturesFor(step))
    if (!result) return null
    const epoch = epochsDone(step, config.batch, this.images)
    const best = !progress.best || result.score > progress.best.score
    if (best) progress.best = { epoch, step, score: result.score }
    progress.validated = step
    progress.seconds = this.seconds()
    const { score, measures } = result
    await this.tell({ kind: 'validation', step, epoch, score, ...measures, time: { seconds: progress.seconds } })
    this.log(
      `epoch ${epoch.toFixed(1)}: loss ${progress.loss?.toFixed(4)}; ${result.text}${best ? '; the best yet' : ''}`,
    )
    if (best) {
      await this.tellBest()
      await this.checkpointTo(folder.best)
      await this.exportTo(folder.best)
    }
    return true
  }

  private async tell(event: TrackingEvent): Promise<void> {
    for (const sink of this.sinks) await sink.append(event)
  }

  private saveDue(): boolean {
    const { seconds, steps } = this.config.checkpoint
    const since = this.progress.step - this.saved.step
    return performance.now() - this.saved.at >= 1000 * seconds || (steps !== null && since >= steps)
  }

  /** Replaces the last checkpoint, unless it is of this very moment. */
  private async save(): Promise<void> {
    const { step, validated } = this.progress
    if (this.saved.step === step && this.saved.validated === validated) return
    // a checkpoint must not be ahead of the records on the disk
    for (const sink of this.sinks) await sink.flush()
    await this.checkpointTo(this.folder.last)
    this.saved = { step, validated, at: performance.now() }
    this.guard.saved = step
  }

  private async checkpointTo(folder: string): Promise<void> {
    this.progress.seconds = this.seconds()
    await writeCheckpoint(folder, {
      progress: this.progress,
      parameters: await this.session.adaptation.parameters.download(),
    })
  }

  private async exportTo(folder: string): Promise<void> {
    const { layers, parameters } = this.session.adaptation
    await exportAdapter(folder, this.config, layers, await parameters.download())
  }

  private seconds(): number {
    return this.before + (performance.now() - this.started) / 1000
  }

  async close(exitCode: number): Promise<void> {
    this.batches.close()
    await this.preparation.close()
    for (const sink of this.sinks) await sink.close(exitCode)
    this.validator?.destroy()
    this.session.release()
  }
}
