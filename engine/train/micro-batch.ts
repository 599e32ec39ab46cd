/** @file What a training step is recorded for: the loss, the sizes of a micro-batch, and the data that it is given. */
import type { StorageType } from '../device/tensor'
import type { Recomputation } from '../sam/recomputation'
import type { OptimizerConfig } from './adam'

/** The weights of the terms of the loss. */
export interface LossConfig {
  /** Weight of the Dice loss. */
  dice: number
  /** Weight of the mean binary cross-entropy. */
  bce: number
  /** Weight of the IoU head's squared error; its gradient also reaches the encoder. */
  iou: number
  /** Smoothing term of Dice, added to numerator and denominator, in pixels of the mask. 1 by default. */
  smooth?: number
  /** Extra weight of pixels on the target's outline in the cross-entropy, see boundaryWeights. 0, none, by default. */
  boundary?: number
  /**
   * Weight of the prompt head's cross-entropy; its gradient also reaches the encoder. Above 0 the model must have a prompt
   * head, and micro-batches have targets for it. 0 by default.
   */
  head?: number
}

/** What a training step is recorded for. */
export interface StepConfig {
  /** Images of a micro-batch, B; a step may have any number of micro-batches. */
  microBatch: number
  /** Prompts of an image, at most. A micro-batch has P = B·prompts of them. */
  prompts: number
  /** Entries of a prompt, N. */
  slots: number
  loss: LossConfig
  optimizer: OptimizerConfig
  /**
   * The number of the encoder's first parts that the step leaves out, because nothing in them trains (see
   * countFrozenParts): micro-batches then hold the features after these parts instead of images. 0 by default. If it is
   * all parts, the features are image embeddings.
   */
  frozen?: number
  /** True if micro-batches have weights for their prompts. */
  weighted?: boolean
  /**
   * How micro-batches hold images and targets: as f32, or as bytes, a quarter of what goes to the GPU. Pixels are bytes as they
   * are; targets are rounded to 1/254 (see toUnitBytes). The same numbers give the same bits. f32 by default.
   */
  inputs?: 'f32' | 'bytes'
  /** What the backward pass recomputes to save memory, with the same bits. Nothing by default. */
  recompute?: Recomputation
  /**
   * f16: activations kept for the backward pass are stored as f16; docs/training.md says what that costs. f32 by
   * default.
   */
  storage?: StorageType
  /**
   * Prompts of a micro-batch whose activations are in memory at once: more of them are decoded in groups, each with its backward
   * pass before the next. Gradients are the same up to rounding. 64 by default, with f16 storage 32.
   */
  promptsAtOnce?: number
}

/** How numbers that may be given as bytes are stored, see `StepConfig.inputs`. */
type Numbers = Float32Array | Uint8Array

/** The prompts of a micro-batch, and the masks that they should give. */
export interface PromptedBatch<N extends Numbers = Numbers> {
  /** (P, N, 2): x and y in input pixels. */
  coords: Float32Array
  /** (P, N), see `promptLabel`. */
  labels: Int32Array
  /** (P): index of each prompt's image within the micro-batch. */
  imageIndex: Uint32Array
  /** Target masks (P, maskSide²) in [0, 1], see `labelTargets`; with `inputs` bytes their `toUnitBytes`. */
  targets: N
  /** (P), see `maskSupervision`: the masks that each prompt trains. Prompts of value 0 only pad the micro-batch. */
  supervision: Uint32Array
  /** (P), above 0: the weight of each prompt's loss in the mean over the step. */
  weights?: Float32Array
  /** (B·maskSide², 3), see `promptHeadTargets`, or their bytes; given if and only if the step trains a prompt head. */
  headTargets?: N
}

/** A micro-batch of images. */
export interface MicroBatch<N extends Numbers = Numbers> extends PromptedBatch<N> {
  /** (B, S, S, 3) on 0..255, see `toModelInput`; with `inputs` bytes as bytes. */
  images: N
  /** (B, 2): the valid height and width of each image. */
  sizes: Uint32Array
}

/** A micro-batch of features, for a step without the first parts of the encoder. */
export interface FeatureBatch<N extends Numbers = Numbers> extends PromptedBatch<N> {
  /** (B·tokens, channels), see SamModel.featureShape. */
  features: Float32Array
}

/** The terms of the loss. The IoU head's and the prompt head's are recorded only if they have a weight. */
export const LOSS_TERMS = ['dice', 'bce', 'iou', 'head'] as const
