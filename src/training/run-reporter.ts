/** @file Where the numbers of a run in progress are sent: metrics.jsonl, experiment trackers, pictures, the progress line. */
import type { EvaluatedImage } from '../evaluation/evaluate'
import { messageOf } from '../host/errors'
import { Progress } from '../host/progress'
import { JsonlSink } from '../tracking/jsonl-sink'
import { readMetrics } from '../tracking/metrics-file'
import type { MetricsRecord, StepRecord } from '../tracking/records'
import type { Sink, TrackingEvent } from '../tracking/sink'
import type { Transcript } from '../tracking/transcript'
import type { TrainingProgress } from './checkpoint-file'
import { beginningOf, type TrainConfig } from './config'
import { openTrackers } from './open-trackers'
import type { RunFolder } from './run-folder'
import { TimeLeft } from '../../engine/finetune/time-left'
import type { Validation } from './validate'
import { validationPicture } from './validation-pictures'

/** Facts of the run that the trackers show beside its configuration. */
export interface RunFacts {
  images: Record<'train' | 'val' | 'test', number>
  parameters: number
  plannedGpuBytes: number
  hardware: () => Promise<object>
}

export class RunReporter {
  private readonly line: Progress
  private readonly timeLeft: TimeLeft
  /** The last reported step of this session, and the run's seconds then. */
  private at = { step: 0, seconds: 0 }
  private sinks: Sink[] = []

  constructor(
    private readonly config: TrainConfig,
    private readonly folder: RunFolder,
    private readonly transcript: Transcript,
    private readonly totalSteps: number,
    /** The number of training images. */
    images: number,
  ) {
    this.timeLeft = new TimeLeft(config, images, totalSteps)
    const secondsLeft = () => this.timeLeft.after(this.at.step, this.at.seconds)
    this.line = new Progress('training', totalSteps, { unit: 'steps', secondsLeft })
  }

  /**
   * Opens the sinks at a run's progress. Records that metrics.jsonl has of later steps are dropped: the resumed run
   * computes them again.
   */
  async open(
    { step, validated, best, seconds }: TrainingProgress,
    extra: readonly Sink[],
    facts: RunFacts,
  ): Promise<void> {
    const { config, folder, transcript } = this
    const known = (record: MetricsRecord) => record.step <= (record.kind === 'step' ? step : validated)
    const metrics = await JsonlSink.open(folder.metrics, known)
    this.sinks = [metrics, ...extra]
    if (metrics.warning) transcript.say(metrics.warning)
    const { cut } = metrics
    if (cut && cut.step > step)
      transcript.say(`the last session ended without saving what follows step ${step}: it had come to step ${cut.step}`)
    const past = await readMetrics(folder.metrics)
    const steps = new Set(past.flatMap((record) => (record.kind === 'step' ? [record.step] : [])))
    if (step > 0 && steps.size < step)
      transcript.say(
        `warning: ${folder.metrics} lacks the records of ${step - steps.size} of ${step} steps: curves and reports will lack them too; the training is not affected`,
      )
    const trackers = await openTrackers({
      config,
      root: folder.root,
      past,
      // a step whose validation is still to come is not complete
      reported: past.length ? (validated === step ? step : step - 1) : -1,
      log: transcript.say,
      gpuBytes: () => facts.plannedGpuBytes,
    })
    if (trackers) {
      this.sinks.push(trackers)
      transcript.attach(trackers)
      await this.send({ kind: 'config', values: { run: { ...facts, hardware: await facts.hardware() } } })
      await this.sendBest(best)
    }
    this.line.startAt(step)
    this.at = { step, seconds }
  }

  async reportStep(record: StepRecord, runningLoss: number): Promise<void> {
    await this.send(record)
    const { step, epoch, learningRate, nonFinite, time } = record
    if (nonFinite)
      this.transcript.say(`step ${step}: the update is skipped, because ${nonFinite} are not finite numbers`)
    this.timeLeft.stepTook(this.config.batch / time.imagesPerSecond!)
    this.at = { step, seconds: time.seconds }
    const speed = `${time.imagesPerSecond!.toPrecision(2)} images/s`
    this.line.update(
      step,
      `epoch ${epoch.toFixed(1)}  loss ${runningLoss.toFixed(4)}  lr ${learningRate.toPrecision(3)}  ${speed}`,
    )
  }

  /** Reports a validation at the run's progress; `isBest` if it is the best so far. */
  async reportValidation(
    { score, head, measures, sources, text }: Validation,
    epoch: number,
    progress: TrainingProgress,
    isBest: boolean,
  ) {
    const { step, loss, seconds, best, ending } = progress
    this.timeLeft.validationTook(seconds - this.at.seconds)
    this.at = { step, seconds }
    const { minutes } = this.config
    const timeUp = minutes !== null && seconds >= 60 * minutes && step > 0 && step < this.totalSteps
    const early = timeUp ? 'time' : ending !== null && ending.to === step ? 'patience' : null
    await this.send({
      kind: 'validation',
      step,
      epoch,
      score,
      ...(head !== undefined && { head }),
      ...measures,
      ...(sources && { sources }),
      ...(early && { early }),
      time: { seconds },
    })
    if (step === 0) this.transcript.say(`${beginningOf(this.config)}: ${text}`)
    else
      this.transcript.say(
        `epoch ${epoch.toFixed(1)}: loss ${loss?.toFixed(4)}; ${text}${isBest ? '; the best so far' : ''}`,
      )
    if (isBest) await this.sendBest(best)
  }

  /**
   * Returns the callback that sends pictures of the first images of a validation, or undefined if no sink wants pictures.
   * A picture that fails is logged; it does not end the run.
   */
  pictureTaker(step: number): ((image: EvaluatedImage) => Promise<void>) | undefined {
    const { images } = this.config.tracking
    if (!this.sinks.some(({ wantsImages }) => wantsImages)) return undefined
    let taken = 0
    return async (image) => {
      if (taken >= images) return
      try {
        const picture = await validationPicture(image)
        await this.send({ kind: 'image', step, name: `val/image_${++taken}`, ...picture })
      } catch (error) {
        taken = images
        this.transcript.say(`warning: no picture of ${image.item.id}: ${messageOf(error)}`)
      }
    }
  }

  /** Ends the progress line. */
  finish(finished: boolean): void {
    this.line.finish(finished ? '' : `ended before step ${this.totalSteps}`)
  }

  /** Resolves when all records sent so far are on the disk. */
  async flush(): Promise<void> {
    for (const sink of this.sinks) await sink.flush()
  }

  async close(exitCode: number): Promise<void> {
    for (const sink of this.sinks) await sink.close(exitCode)
  }

  private async sendBest(best: TrainingProgress['best']): Promise<void> {
    if (!best) return
    const { score, head, step, epoch } = best
    const values = {
      'best/score': score,
      ...(head !== undefined && { 'best/head_f1': head }),
      'best/step': step,
      'best/epoch': epoch,
    }
    await this.send({ kind: 'summary', values })
  }

  private async send(event: TrackingEvent): Promise<void> {
    for (const sink of this.sinks) await sink.append(event)
  }
}
