/** @file Fine-tuning as one call, or as a training that can be paused: the loop of `wgsam train` on labelled images in memory. */
import { sizeRange } from '../augment/auto-magnification'
import { recomputeNothing, type Recomputation } from '../sam/recomputation'
import type { HeadTensor } from '../sam/prompt-head'
import type { SamModel } from '../sam/sam-model'
import type { DiameterQuantiles } from '../scale/view'
import { SettingError } from '../setting-error'
import { trainingScene } from '../synth/scene-sample'
import type { AnyAdapter } from '../train/adapter'
import type { ParameterState } from '../train/parameters'
import { averaged, headOf, toAdapter } from '../train/split-adapter'
import { TrainingStep } from '../train/training-step'
import { type Adaptation, openAdaptation } from './adaptation'
import { Batches } from './batches'
import { checkRecipe, recipeOptions, type RecipeOptions } from './check-recipe'
import { imagesText, packTraining, unpackTraining } from './checkpoint-bytes'
import { FeatureCache, FrozenEncoder } from './feature-cache'
import { InThread } from './preparation'
import { beginning, type Progress } from './progress'
import { promptedDiameters } from './prompted-diameters'
import type { Recipe } from './recipe'
import type { StepRecord } from './records'
import { type LabelledImage, readSamples, type TrainingSample } from './samples'
import { totalSteps } from './schedule'
import type { Scored } from './selection'
import { adapterSettings, nameOf, sameLora, type StartingAdapter, startWith, usualHead } from './starting-values'
import { stepConfig } from './step-config'
import { TimeLeft } from './time-left'
import { stepsInFlight, TrainingLoop } from './training-loop'
import { type Validation, Validator } from './validator'

/** Particles of an image that a validation prompts: fewer where a prompt takes long. */
const VALIDATED = { gpu: 64, software: 16 }

/** A step, as `onStep` receives it. */
export interface TrainedStep extends StepRecord {
  /** Running mean of the loss. */
  runningLoss: number
  /** Steps that are planned; a training that stops improving ends earlier. */
  totalSteps: number
  /** Estimated seconds until the end. */
  secondsLeft: number | null
}

/** A validation, as `onValidation` receives it. That of step 0 is of the model as it is. */
export interface TrainedValidation extends Validation {
  step: number
  epoch: number
  /** True if no earlier one was better. */
  isBest: boolean
}

/** Settings of a training, its validation images, and what it reports to. */
export interface TrainOptions extends RecipeOptions {
  /** Labelled images that are not trained on: without them there is no early stop, and the last state is the result. */
  validationSamples?: readonly TrainingSample[]
  /** Images on the GPU at once, a divisor of `batch`: more take more memory. 1 by default. */
  microBatch?: number
  /** What the backward pass recomputes to save memory, with the same bits. Nothing by default. */
  recompute?: Recomputation
  /** The base model's name, which the adapter records. */
  modelName?: string
  /**
   * An adapter to begin with, as `train` returns it or `openAdapter` reads it; it decides kind, rank, scale and layers. Without it a new
   * one is trained. Its prompt head is trained further if it has one.
   */
  from?: StartingAdapter
  /** Continues a training from its checkpoint, with the same samples and settings. */
  resume?: Uint8Array
  /** Ends the training between two steps; it then rejects with the signal's reason, and everything is freed. */
  signal?: AbortSignal
  onStep?(step: TrainedStep): void | Promise<void>
  onValidation?(validation: TrainedValidation): void | Promise<void>
  /** Receives a checkpoint after validations, every `checkpointSeconds`, when the training pauses and when it ends. */
  onCheckpoint?(checkpoint: Uint8Array<ArrayBuffer>): void | Promise<void>
  /** 120 by default. */
  checkpointSeconds?: number
}

/** What a training yields. It can be sent from a worker (structured clone). */
export interface TrainResult {
  /** False if it was paused. */
  finished: boolean
  /** Steps taken, and planned. */
  steps: number
  totalSteps: number
  /** Running mean of the loss; null before the first step. */
  loss: number | null
  /** Score of the model as it was on the validation images, 0 to 1; null without validation. */
  base: number | null
  /** The best validation, whose state the adapter has; null if there was none after the first step: then it has the last state. */
  best: ({ epoch: number; step: number } & Scored) | null
  /** Seconds of training and validation, of earlier sessions included. */
  seconds: number
  /** The trained adapter, see `attachAdapter`. */
  adapter: AnyAdapter
  /** The trained prompt head, which belongs to it. */
  head: HeadTensor[]
  /** Diameters of the particles in training, pixels of the model's input: `generate` takes them as the sizes that the model knows. */
  diameters: DiameterQuantiles
}

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
  private checkpointAt = performance.now()

  private constructor(
    private readonly model: SamModel,
    private readonly recipe: Recipe,
    private readonly options: TrainOptions,
    private readonly images: readonly LabelledImage[],
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
    const { signal, microBatch = 1, validationSamples = [], resume } = options
    const recipe = recipeOf(model, options)
    if (!Number.isInteger(recipe.batch / microBatch) || !(microBatch >= 1))
      throw new SettingError(`batch ${recipe.batch} is no multiple of microBatch ${microBatch}`)
    if (4 * model.maskSide !== inputSize)
      throw new SettingError('this model has masks as fine as its input: only SAM and MobileSAM can be trained')
    signal?.throwIfAborted()
    const images = await readSamples(engine, samples, 'samples', signal)
    if (!images.length) throw new SettingError('there is no sample to train on')
    const validated = await readSamples(engine, validationSamples, 'validationSamples', signal)
    const parts = await openParts(model, recipe, options, validated)
    try {
      await engine.idle() // failed allocations are reported asynchronously
      signal?.throwIfAborted()
      const state = resume && unpackTraining(resume, recipe, imagesText(images))
      if (state) {
        parts.adaptation.parameters.upload(state.parameters)
        parts.adaptation.refresh()
        parts.step.step = state.progress.step
      }
      const load = async (image: LabelledImage | null, seed: number) => image ?? trainingScene(seed, inputSize)
      parts.preparation = new InThread(recipe, sizeRange(images, inputSize), load)
      parts.batches = new Batches(images, recipe, microBatch, parts.preparation, state?.progress.data)
      const progress = state?.progress ?? beginning(parts.batches.state)
      const trainer = new Trainer(model, recipe, options, images, parts, progress)
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
      this.finished = await this.loop().run()
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

  /** The adapter so far. @throws Error while it is running */
  async result(): Promise<TrainResult> {
    if (this.running) throw new Error('this training is running: wait for it, or pause it first')
    const { recipe, progress, images, options, parts } = this
    const { step: steps, loss, base, best, seconds } = progress
    const states = this.best ?? averaged(await parts.adaptation.parameters.download())
    const named = { model: options.modelName ?? null, lora: recipe.lora }
    return {
      finished: this.finished,
      ...{ steps, totalSteps: this.totalSteps, loss, base, best, seconds },
      adapter: toAdapter(named, parts.adaptation.layers, states),
      head: headOf(states),
      diameters: await promptedDiameters(images, recipe, async (image) => image),
    }
  }

  /** Frees everything and detaches the adapter. The training must not be running. */
  destroy(): void {
    releaseParts(this.parts)
  }

  private async pack(): Promise<Uint8Array<ArrayBuffer>> {
    const parameters = await this.parts.adaptation.parameters.download()
    const { progress, best } = this
    return packTraining({ progress, parameters, best }, this.recipe, imagesText(this.images))
  }

  private loop(): TrainingLoop<Progress, Validation> {
    const { recipe, images, parts, progress, options } = this
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
        session: { step, frozen },
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
            const secondsLeft = timeLeft.after(record.step, record.time.seconds)
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

/** What a training holds on the GPU, and the batches that are being prepared. */
interface TrainingParts {
  adaptation: Adaptation
  step: TrainingStep
  frozen: FrozenEncoder | null
  validator: Validator | null
  preparation: InThread<LabelledImage> | null
  batches: Batches<LabelledImage> | null
}

async function openParts(
  model: SamModel,
  recipe: Recipe,
  { microBatch = 1, recompute = recomputeNothing, from }: TrainOptions,
  validated: readonly LabelledImage[],
): Promise<TrainingParts> {
  const parts: Partial<TrainingParts> = {}
  try {
    parts.adaptation = await openAdaptation(model, recipe, { start: from && startWith(from) })
    parts.frozen = await FrozenEncoder.open(model, recipe, new FeatureCache())
    const settings = stepConfig(recipe, microBatch, recompute, parts.frozen?.parts)
    parts.step = await TrainingStep.create(model, parts.adaptation.parameters, settings, parts.adaptation.record)
    const maxInstances = model.engine.software ? VALIDATED.software : VALIDATED.gpu
    parts.validator =
      validated.length && recipe.validation.every
        ? await Validator.open(model, parts.adaptation, validated, { maxInstances, seed: recipe.seed })
        : null
    return { preparation: null, batches: null, ...(parts as Omit<TrainingParts, 'preparation' | 'batches'>) }
  } catch (error) {
    releaseParts(parts)
    throw error
  }
}

function releaseParts({ adaptation, step, frozen, validator, preparation, batches }: Partial<TrainingParts>): void {
  batches?.close()
  void preparation?.close()
  validator?.destroy()
  step?.destroy()
  frozen?.destroy()
  adaptation?.release()
}

/**
 * All settings of a training; those that the adapter to begin with decides are taken from it.
 * @throws SettingError if a setting is wrong or contradicts the adapter
 */
function recipeOf(model: SamModel, options: TrainOptions): Recipe {
  const { from } = options
  const given = recipeOptions(options)
  if (!from) return checkRecipe(given, model.inputSize)
  const own = adapterSettings(from, model.linears.keys())
  const wrong = Object.entries(given.lora ?? {}).find(
    ([key, value]) =>
      key in own && value !== undefined && !sameLora(key, value, own[key as keyof typeof own], own.rank),
  )
  if (wrong)
    throw new SettingError(
      `lora.${wrong[0]} is ${JSON.stringify(own[wrong[0] as keyof typeof own])} in ${nameOf(from)}, with which the training begins: leave it out`,
    )
  const recipe = checkRecipe({ ...given, lora: { ...given.lora, ...own } }, model.inputSize)
  if (recipe.head.weight > 0 && !usualHead(from.head ?? [], model.architecture.outChannels))
    throw new SettingError(
      `${nameOf(from)} has a prompt head of other widths than those that wgsam trains: leave it out, with \`head: []\``,
    )
  return recipe
}
