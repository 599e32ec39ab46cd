/** @file What is evaluated: anything that segments an image, by prompts for its labelled particles or on its own. */
import type { Mask } from '../../engine/masks/mask'
import type { View } from '../../engine/scale/view'
import type { DatasetItem } from '../dataset/dataset'
import type { Instance } from '../../engine/masks/instances'
import type { Sample } from '../../engine/image/sample'

export const promptKinds = ['point', 'box'] as const
/**
 * 'point': the pixel furthest inside the instance. 'box': its exact box. 'corrected': the point, and then clicks that correct the mask, see
 * nextCorrection.
 */
export type EvaluationPrompt = (typeof promptKinds)[number] | 'corrected'

export const promptModes = [...promptKinds, 'corrected', 'auto'] as const
/** How masks are obtained: from prompts for each instance, or ('auto') all at once without prompts from the labels. */
export type PromptMode = (typeof promptModes)[number]

/** Masks predicted for an image. */
export interface Proposed {
  masks: Mask[]
  /** The predicted IoU of each mask; null if the method has none. */
  scores: (number | null)[]
  /** The parts of the image that the model saw; absent for a method without a model. */
  view?: View
  /** How long they took, of masks that were made earlier. */
  seconds?: { encode: number; masks: number }
}

/** An image whose turn has not come. */
export interface NextSample {
  sample: Sample
  item: DatasetItem
}

/** A method of segmentation: a model with or without an adapter, or a classical method. It must not look at the labels, but for prompts. */
export interface Segmenter {
  /** Does what all prompts on an image need once, and resolves when that is finished, so that it can be timed. */
  encode(sample: Sample): Promise<void>
  /**
   * One mask for each instance, from its prompt, on the image that was encoded last. Required but for 'auto'.
   * @throws the abort reason, if the method can be aborted
   */
  prompted?(
    sample: Sample,
    instances: readonly Instance[],
    prompt: EvaluationPrompt,
    item: DatasetItem,
  ): Promise<Proposed>
  /**
   * Finds all masks of an image, which need not be encoded before. Required for 'auto'.
   * @param next the image that will probably follow, if it is read already: a model may encode it ahead
   * @throws as `prompted`
   */
  automatic?(sample: Sample, item: DatasetItem, next?: () => NextSample | null): Promise<Proposed>
}

/** A segmenter that holds memory. */
export interface OpenSegmenter extends Segmenter {
  /** Frees what it holds. */
  close(): void
}
