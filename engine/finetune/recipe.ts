/**
 * @file What decides a training: the settings that the parts of the loop share. The configuration of `wgsam train` has all of them under
 * the same names.
 */
import type { AugmentOptions } from '../augment/augment'
import type { Magnification } from '../augment/magnification'
import type { StorageType } from '../device/tensor'
import { LORA_TARGETS, type LoraTarget } from '../train/lora'
import { MIN_INSTANCE_AREA } from '../train/sample-prompts'

/** Augmentation of the training images. `magnification`: 'auto' by the sizes of the particles in them, or a range. */
export type AugmentRecipe = Omit<AugmentOptions, 'magnification'> & {
  magnification?: 'auto' | Magnification | undefined
}

/** The length of a run, its learning rate and its validations. */
export interface ScheduleRecipe {
  /** Images per optimiser step. */
  batch: number
  /** Passes over the training images. 'auto': 40, or more if that would be less than 100 steps. */
  epochs: 'auto' | number
  /** Optimiser steps, at most; null: no limit. */
  maxSteps: number | null
  /** Minutes of training and validation after which the run ends; null: no limit. */
  minutes: number | null
  optimizer: { learningRate: number }
  schedule: {
    kind: 'constant' | 'cosine'
    /** Steps of linear warm-up; null: a twentieth of all steps. */
    warmup: number | null
  }
  validation: {
    /** Epochs between two validations; 0: no validation. */
    every: number
    /** Validations in a row without a better one after which the run comes to its end; 0: it never ends early. */
    patience: number
  }
}

/** How examples are made of labelled images. */
export interface ExampleRecipe {
  /** Side of the model's input, pixels; null as long as it is not known. */
  size: number | null
  /** true: the default augmentation; an object changes parts of it. */
  augment: boolean | AugmentRecipe
  prompts: {
    /** Maximum per image and step: instances are prompted again only after all have been. */
    count: number
    /** Relative frequencies of the kinds of prompts. */
    point: number
    box: number
    both: number
    /** Instances with a smaller area, in pixels of the input, are not prompted. */
    minArea: number
  }
  /** `small`: instances are weighted by their area to the power of minus this; 0: equally. */
  loss: { small: number }
  /** `weight`: of the prompt head's cross-entropy in the loss; 0: there is no head. */
  head: { weight: number }
}

/** The order of the images, and how often a synthetic scene takes the place of one. */
export interface BatchRecipe {
  batch: number
  seed: number
  /** Fraction of the images of a step that are synthetic scenes. */
  synthetic: number
}

/** What is trained. */
export interface AdapterRecipe {
  lora: {
    /** full: the targets' matrices themselves are trained; rank, alpha and rslora then have no effect. */
    kind: 'lora' | 'full'
    rank: number
    /** null: equal to the rank, so that the scale is 1. */
    alpha: number | null
    rslora: boolean
    targets: LoraTarget[]
    /** Encoder blocks and decoder parts whose layers are adapted; null: all. */
    blocks: string[] | null
  }
  /** The prompt head's learning rate, where that of the adapter is `optimizer.learningRate`: both follow the same schedule. */
  head: { weight: number; learningRate: number }
  optimizer: { learningRate: number }
  /** Highest decay of the moving average of the parameters, which is validated and exported; 0: none. */
  average: number
  seed: number
}

/** The loss, the optimiser and the memory of a training step. */
export interface StepRecipe extends Pick<ExampleRecipe, 'prompts'> {
  loss: {
    /** Weights of the Dice loss, of the cross-entropy and of the squared error of the IoU head. */
    dice: number
    bce: number
    iou: number
    /** See ExampleRecipe. */
    small: number
    /** Added to numerator and denominator of the Dice coefficient, in pixels of the mask. */
    smooth: number
    /** Extra weight of pixels on the target's outline in the cross-entropy, against those far from it; 0: none. */
    boundary: number
  }
  head: { weight: number }
  optimizer: {
    algorithm: 'adam' | 'adamw'
    weightDecay: number
    beta1: number
    beta2: number
    eps: number
    /** Gradients with a larger norm are scaled down to this one; 0: no limit. */
    maxNorm: number
  }
  average: number
  /** Storage type of activations kept for the backward pass; it does not change the arithmetic. */
  storage: StorageType
}

/** All settings of a training. */
export interface Recipe extends BatchRecipe, AdapterRecipe {
  size: number | null
  augment: ExampleRecipe['augment']
  storage: StorageType
  epochs: ScheduleRecipe['epochs']
  maxSteps: number | null
  minutes: number | null
  prompts: ExampleRecipe['prompts']
  loss: StepRecipe['loss']
  optimizer: StepRecipe['optimizer'] & ScheduleRecipe['optimizer']
  schedule: ScheduleRecipe['schedule']
  validation: ScheduleRecipe['validation']
}

/** The settings that won in the comparisons of docs/training.md; `wgsam train` has the same. */
export const defaultRecipe: Recipe = {
  size: null,
  batch: 8,
  seed: 0,
  synthetic: 0,
  epochs: 'auto',
  maxSteps: null,
  minutes: null,
  augment: true,
  storage: 'f32',
  lora: { kind: 'lora', rank: 512, alpha: null, rslora: false, targets: [...LORA_TARGETS], blocks: null },
  loss: { dice: 1, bce: 4, iou: 0.1, small: 0, smooth: 1, boundary: 0 },
  head: { weight: 0.5, learningRate: 3e-3 },
  optimizer: {
    algorithm: 'adam',
    learningRate: 3e-4,
    weightDecay: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    maxNorm: 1,
  },
  average: 0.999,
  schedule: { kind: 'cosine', warmup: null },
  prompts: { count: 16, point: 0.6, box: 0.25, both: 0.15, minArea: MIN_INSTANCE_AREA },
  validation: { every: 1, patience: 10 },
}

/** The side of the model's input. @throws Error before it is known */
export function inputSize({ size }: Pick<ExampleRecipe, 'size'>): number {
  if (size === null) throw new Error("the configuration does not name the model's input size yet")
  return size
}
