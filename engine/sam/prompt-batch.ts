/** @file Prompts as the decoder takes them: their entries in one batch, checked, and the tokens that they become. */
import { NonFiniteError } from '../device/non-finite-error'
import { MASK_TOKENS } from './mask-decoder'
import { promptLabel } from './prompt-labels'

/** P prompts of N entries each, where N is the predictor's `slots`. */
export interface PromptBatch {
  /** (P, N, 2): x and y in input pixels, see `scalePoint`. */
  coords: Float32Array
  /** (P, N), see `promptLabel`; absent entries come last in their prompt. */
  labels: Int32Array
  /** (P): index of each prompt's image; all 0 by default. */
  imageIndex?: Uint32Array
  /** (P, maskSide, maskSide): logits of earlier masks; given if and only if the predictor was made with `masks`. */
  masks?: Float32Array
}

/** What a batch must fit. */
export interface BatchShape {
  /** Entries of a prompt. */
  slots: number
  /** Images that prompts may be of. */
  images: number
  /** Shape of the mask that comes with each prompt; null if none does. */
  mask: readonly number[] | null
}

/**
 * Returns the number of prompts in a batch.
 * @throws Error if its lengths, labels, image indices or masks do not fit · NonFiniteError for a coordinate
 */
export function checkBatch(batch: PromptBatch, { slots, images, mask }: BatchShape): number {
  const given = batch.coords.length / 2 / (batch.labels.length || 1) === 1 ? batch.labels.length : NaN
  const count = given / slots
  if (!Number.isInteger(count) || count < 1)
    throw new Error(
      `coords and labels must hold ${slots} entries a prompt: got ${batch.coords.length} and ${batch.labels.length}`,
    )
  if (!batch.coords.every(Number.isFinite))
    throw new NonFiniteError('a prompt has a coordinate that is not a finite number')
  const unknown = batch.labels.find((l) => l < promptLabel.absent || l > promptLabel.boxEnd)
  if (unknown !== undefined)
    throw new Error(`a prompt has the label ${unknown}: from ${promptLabel.absent} to ${promptLabel.boxEnd}`)
  if (batch.imageIndex && (batch.imageIndex.length !== count || batch.imageIndex.some((i) => i >= images)))
    throw new Error(`imageIndex must name one of the ${images} images for each of the ${count} prompts`)
  if (!!batch.masks !== !!mask)
    throw new Error('mask prompts must be given if and only if the predictor was made with masks')
  const pixels = (mask ?? []).reduce((product, side) => product * side, 1)
  if (batch.masks && (batch.masks.length !== count * pixels || !batch.masks.every(Number.isFinite)))
    throw new Error(`mask prompts must be ${count} of [${mask!.join(', ')}] finite logits`)
  return count
}

/**
 * The number of each prompt's tokens that are present, the 5 output tokens included: (P) for labels (P, slots).
 * @throws Error if an absent entry comes before one that is present
 */
export function tokenCounts(labels: Int32Array, slots: number): Uint32Array {
  const counts = new Uint32Array(labels.length / slots)
  for (let p = 0; p < counts.length; p++) {
    let n = slots
    while (n > 0 && labels[p * slots + n - 1] === promptLabel.absent) n--
    for (let i = 0; i < n; i++) {
      if (labels[p * slots + i] === promptLabel.absent)
        throw new Error(`prompt ${p}: an absent entry must come after the others`)
    }
    counts[p] = 1 + MASK_TOKENS + n
  }
  return counts
}
