/** @file What a training takes, reports and yields. */
import type { Recomputation } from '../sam/recomputation'
import type { HeadTensor } from '../sam/prompt-head'
import type { DiameterQuantiles } from '../scale/view'
import type { AnyAdapter } from '../train/adapter'
import type { AdapterProfile } from '../train/adapter-profile'
import type { RecipeOptions } from './check-recipe'
import type { Measuring } from './finish'
import type { StepRecord } from './records'
import type { TrainingSample } from './samples'
import type { Scored } from './selection'
import type { StartingAdapter } from './starting-values'
import type { Validation } from './validator'

/** A step, as `onStep` receives it. */
export interface TrainedStep extends StepRecord {
  /** Running mean of the loss. */
  runningLoss: number
  /** Steps that are planned; a training that stops improving ends earlier. */
  totalSteps: number
  /** Estimated seconds until the end, with the measurements after the last step. */
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
  /** Labelled images of other kinds, which the adapter must not segment worse than the base model; see `strength`. */
  foreignSamples?: readonly TrainingSample[]
  /**
   * 'auto' (default): at the end the change to the model's weights is scaled by 0.25, 0.5, 0.75 or 1, so that no source of images is segmented
   * worse than by the base model: validation images, `foreignSamples` and synthetic scenes. 'full': it is left as it was trained.
   */
  strength?: 'auto' | 'full'
  /** Synthetic scenes that serve as one of these sources, 0 to 100; 3 by default. */
  comparedScenes?: number
  /** The generator's thresholds are tuned at the end on at most this many validation images; 6 by default, 0: they are not. */
  tuneImages?: number
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
  /** Called between the measurements at the end. */
  onMeasure?(progress: Measuring): void | Promise<void>
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
  /**
   * What the adapter knows about itself, for `generate` and `adapterFiles`: the sizes of its particles, its strength with the scores of
   * the base model and the adapter, and the thresholds that were tuned.
   */
  profile: AdapterProfile
  /** Diameters of the particles in training, pixels of the model's input: `generate` takes them as the sizes that the model knows. */
  diameters: DiameterQuantiles
}
