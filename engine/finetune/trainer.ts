/** @file Fine-tuning as one call, or as a training that can be paused: the loop of `wgsam train` on labelled images in memory. */
import { usualSizes } from './usual-sizes'
import type { SamModel } from '../sam/sam-model'
import { SettingError } from '../setting-error'
import { trainingScene } from '../synth/scene-sample'
import type { AdapterProfile } from '../train/adapter-profile'
import type { ParameterState } from '../train/parameters'
import { averaged, headOf, toAdapter } from '../train/split-adapter'
import { Batches } from './batches'
import { checkOptions } from './check-options'
import { imagesText, packTraining, unpackTraining } from './checkpoint-bytes'
import { type Finished, finishTraining } from './finish'
import { COMPARED_SCENES, finishCost, TUNED_IMAGES } from './measuring-effort'
import { InThread } from './preparation'
import { beginning, type Progress } from './progress'
import { promptedDiameters } from './prompted-diameters'
import type { Recipe } from './recipe'
import { type LabelledImage, readSamples, type TrainingSample } from './samples'
import { totalSteps } from './schedule'
import { TimeLeft } from './time-left'
import type { TrainOptions, TrainResult } from './train-options'
import { stepsInFlight, TrainingLoop } from './training-loop'
import { openParts, recipeOf, releaseParts, releaseStep, type TrainingParts } from './training-parts'
import type { Validation } from './validator'

/**
 * A training that can be paused and continued.
 * @example
 * const trainer = await Trainer.create(model, samples, { onStep: ({ step, loss }) => show(step, loss) })
 * pauseButton.onclick = () => trainer.pause()
 * const finished = await trainer.run()
 * if (!finished) await store(await trainer.checkpoint()) // trainer.run() continues; so does another program, with `resume`
 * const { adapter, head } = await trainer.result()
 * trainer.destroy()
 */
export class Trainer {
  private paused = false
  private finished = false
  private running = false
  private best: ParameterState[] | null = null
  /** All parameters after the last step, while those on the GPU are overwritten. */
  private final: ParameterState[] | null = null
  private finish: Finished | null = null
  private checkpointAt = performance.now()

  private constructor(
    private readonly model: SamModel,
    private readonly recipe: Recipe,
    private readonly options: TrainOptions,
    private readonly images: readonly LabelledImage[],
    private readonly others: Record<'validated' | 'foreign', readonly LabelledImage[]>,
    private readonly parts: TrainingParts,
    private readonly progress: Progress,
  ) {}

  /**
   * Reads the samples, attaches a new adapter to the model and records the training step.
   * @param model without an adapter; it must not be used until `destroy`, which leaves it as it was
   * @param samples labelled images, at least one
   * @throws SettingError if a setting, a sample or the checkpoint cannot be used · GpuOutOfMemoryError · the signal's reason
   */
  static async create(
    model: SamModel,
    samples: readonly TrainingSample[],
    options: TrainOptions = {},
  ): Promise<Trainer> {
    const { engine, inputSize } = model
    const { signal, microBatch = 1, validationSamples = [], foreignSamples = [], resume } = options
    checkOptions(options)
    const recipe = recipeOf(model, options)
    if (!Number.isInteger(recipe.batch / microBatch) || !(microBatch >= 1))
      throw new SettingError(`batch ${recipe.batch} is no multiple of microBatch ${microBatch}`)
    if (4 * model.maskSide !== inputSize)
      throw new SettingError('this model has masks as fine as its input: only SAM and MobileSAM can be trained')
    signal?.throwIfAborted()
    const images = await readSamples(engine, samples, 'samples', signal)
    if (!images.length) throw new SettingError('there is no sample to train on')
    const validated = await readSamples(engine, validationSamples, 'validationSamples', signal)
    const foreign = await readSamples(engine, foreignSamples, 'foreignSamples', signal)
    const parts = await openParts(model, recipe, options, validated)
    try {
      await engine.idle() // failed allocations are reported asynchronously
      signal?.throwIfAborted()
      const state = resume && unpackTraining(resume, recipe, imagesText(images))
      if (state) {
        parts.adaptation.parameters.upload(state.parameters)
        parts.adaptation.refresh()
        parts.step!.step = state.progress.step
      }
      const load = async (image: LabelledImage | null, seed: number) => image ?? trainingScene(seed, inputSize)
      parts.preparation = new InThread(recipe, usualSizes(model, images), load)
      parts.batches = new Batches(images, recipe, microBatch, parts.preparation, state?.progress.data)
      const progress = state?.progress ?? beginning(parts.batches.state)
      const trainer = new Trainer(model, recipe, options, images, { validated, foreign }, parts, progress)
      trainer.best = state?.best ?? null
      return trainer
    } catch (error) {
      releaseParts(parts)
      throw error
    }
  }

  /** Optimiser steps taken. */
  get step(): number {
    return this.progress.step
  }

  /** Optimiser steps that are planned. */
  get totalSteps(): number {
    return totalSteps(this.recipe, this.images.length)
  }

  /**
   * Trains to the end, or until `pause`; may then be called again.
   * @returns true if the training is finished
   * @throws DivergedError if numbers are no longer finite · the signal's reason · an error of a callback or of the device
   */
  async run(): Promise<boolean> {
    if (this.running) throw new Error('this training is running already')
    this.options.signal?.throwIfAborted()
    this.running = true
    this.paused = false
    try {
      // what only the end measures can be repeated without the steps
      const trained = this.final !== null || (await this.loop().run())
      this.options.signal?.throwIfAborted()
      this.finished = trained && (await this.measure())
      this.options.signal?.throwIfAborted()
      await this.model.engine.idle()
      return this.finished
    } finally {
      this.running = false
    }
  }

  /** `run` ends after the step, or the image of a validation, that is computed now. */
  pause(): void {
    this.paused = true
  }

  /** The training as bytes, for the option `resume`. @throws Error while it is running: pause it, or use `onCheckpoint` */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.running) throw new Error('this training is running: pause it first, or use onCheckpoint')
    return this.pack()
  }

  /** The adapter so far; its strength and thresholds are chosen when the training is finished. @throws Error while it is running */
  async result(): Promise<TrainResult> {
    if (this.running) throw new Error('this training is running: wait for it, or pause it first')
    const { recipe, progress, options, parts } = this
    const { step: steps, loss, base, best, seconds } = progress
    const states = this.finish?.states ?? (await this.exported())
    const profile = this.finish?.profile ?? (await this.sizes())
    const named = { model: options.modelName ?? null, lora: recipe.lora }
    return {
      finished: this.finished,
      ...{ steps, totalSteps: this.totalSteps, loss, base, best, seconds },
      adapter: toAdapter(named, parts.adaptation.layers, states),
      head: headOf(states),
      profile,
      diameters: profile.diameters!,
    }
  }

  /** Frees everything and detaches the adapter. The training must not be running. */
  destroy(): void {
    releaseParts(this.parts)
  }

  private parameters(): Promise<ParameterState[]> | ParameterState[] {
    return this.final ?? this.parts.adaptation.parameters.download()
  }

  /** Of the best state, or the last if there is none. */
  private async exported(): Promise<ParameterState[]> {
    return this.best ?? averaged(await this.parameters())
  }

  private async sizes(): Promise<AdapterProfile> {
    const { recipe, images, model } = this
    return {
      size: model.inputSize,
      diameters: await promptedDiameters(images, recipe, async (image) => image, usualSizes(model, images)),
    }
  }

  /** Chooses strength and thresholds. @returns false if it was paused */
  private async measure(): Promise<boolean> {
    if (this.finish) return true
    const { model, recipe, options, images, others, parts } = this
    const {
      strength = 'auto',
      comparedScenes = COMPARED_SCENES,
      tuneImages = TUNED_IMAGES,
      signal,
      onMeasure,
    } = options
    this.final = await this.parameters()
    releaseStep(parts)
    this.finish = await finishTraining({
      ...{ model, recipe, adaptation: parts.adaptation, parameters: this.final, states: await this.exported() },
      ...{ trained: images.length, ...others, strength, scenes: comparedScenes, tune: tuneImages, onMeasure },
      profile: await this.sizes(),
      stop: () => this.paused || !!signal?.aborted,
    })
    return this.finish !== null
  }

  private async pack(): Promise<Uint8Array<ArrayBuffer>> {
    const { progress, best } = this
    return packTraining({ progress, parameters: await this.parameters(), best }, this.recipe, imagesText(this.images))
  }

  private loop(): TrainingLoop<Progress, Validation> {
    const { recipe, images, parts, progress, options, others } = this
    const { adaptation, step, frozen, validator, batches } = parts
    const { engine } = this.model
    const { onStep, onValidation, onCheckpoint, checkpointSeconds = 120, signal } = options
    const stop = () => this.paused || !!signal?.aborted
    const total = this.totalSteps
    const config = {
      ...recipe,
      from: options.from ?? null,
      ...(!validator && { validation: { every: 0, patience: 0 } }),
    }
    const timeLeft = new TimeLeft(config, images.length, total)
    const numbers = { validated: others.validated.length, foreign: others.foreign.length }
    const end = finishCost(recipe, engine.software, images.length, { ...options, ...numbers }) / recipe.batch
    let at = progress.seconds
    const passed = (seconds: number) => {
      const took = seconds - at
      at = seconds
      return took
    }
    const saved = { step: -1, validated: -1 }
    return new TrainingLoop(
      {
        config,
        session: { step: step!, frozen },
        batches: batches!,
        images: images.length,
        validator,
        checkpoints: {
          isDue: () => !!onCheckpoint && performance.now() - this.checkpointAt >= 1000 * checkpointSeconds,
          saveLast: async ({ step, validated }) => {
            if (!onCheckpoint || signal?.aborted || (saved.step === step && saved.validated === validated)) return
            Object.assign(saved, { step, validated })
            await onCheckpoint(await this.pack())
            this.checkpointAt = performance.now()
          },
          saveBest: async () => void (this.best = averaged(await adaptation.parameters.download())),
          exportLast: async () => {},
        },
        reporter: {
          reportStep: async (record, runningLoss) => {
            timeLeft.stepTook(passed(record.time.seconds))
            const { seconds } = record.time
            const left = timeLeft.after(record.step, seconds)
            const secondsLeft = left === null ? null : left + (end * seconds) / record.step
            await onStep?.({ ...record, runningLoss, totalSteps: total, secondsLeft })
          },
          reportValidation: async (validation, epoch, { step, seconds }, isBest) => {
            timeLeft.validationTook(passed(seconds))
            await onValidation?.({ ...validation, step, epoch, isBest })
          },
        },
        inFlight: stepsInFlight(engine),
        stop,
        log: () => {},
      },
      progress,
    )
  }
}

/**
 * Fine-tunes a model on labelled images: a new LoRA adapter with its prompt head, by the recipe of `wgsam train`.
 * @param model without an adapter; afterwards it is as it was
 * @param samples labelled images, at least one
 * @throws as Trainer.create and Trainer.run; whatever happens, all memory of the training is freed
 * @example
 * const { adapter, head } = await train(model, [{ image: imageData, labels }], {
 *   lora: { rank: 16 }, maxSteps: 200, signal, onStep: ({ step, runningLoss, secondsLeft }) => show(step, runningLoss, secondsLeft),
 * })
 * const attached = await attachAdapter(model, adapter, head)
 */
export async function train(
  model: SamModel,
  samples: readonly TrainingSample[],
  options: TrainOptions = {},
): Promise<TrainResult> {
  const trainer = await Trainer.create(model, samples, options)
  try {
    await trainer.run()
    return await trainer.result()
  } finally {
    trainer.destroy()
  }
}
