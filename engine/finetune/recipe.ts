/**
 * @file What decides a training: the settings that the parts of the loop share. The configuration of `wgsam train` has all of them under
 * the same names.
 */
import type { AugmentOptions } from '../augment/augment'
import type { Magnification } from '../augment/magnification'
import type { LoraTarget } from '../train/lora'

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
    /** Validations in a row without a better score after which the run comes to its end; 0: it never ends early. */
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
  head: { weight: number }
  /** Highest decay of the moving average of the parameters, which is validated and exported; 0: none. */
  average: number
  seed: number
}

/** The side of the model's input. @throws Error before it is known */
export function inputSize({ size }: Pick<ExampleRecipe, 'size'>): number {
  if (size === null) throw new Error("the configuration does not name the model's input size yet")
  return size
}
