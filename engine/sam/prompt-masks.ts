/** @file Prompts in pixels of an image: points and boxes of objects, and the logits of their masks. */
import { scaleBox, scalePoint } from '../image/model-input'
import type { Size } from '../image/size'
import { MASK_TOKENS } from './mask-decoder'
import { AMBIGUOUS_MASKS, checkFinite, chooseToken, tokenLogits } from './mask-tokens'
import type { Predictor } from './predictor'
import { promptLabel } from './prompt-labels'

/** One object's prompt, in pixels of the image. */
export interface ImagePrompt {
  points: readonly { x: number; y: number; foreground: boolean }[]
  /** x0, y0, x1, y1: both corners inclusive. */
  box: readonly [number, number, number, number] | null
}

/** One of the masks of a prompt, as low-resolution logits. */
export interface PromptLogits {
  /** The mask token: 0 for an unambiguous prompt; 1 to 3, from part to whole, for an ambiguous one. */
  token: number
  /** The model's estimate of the mask's IoU. */
  predictedIou: number
  /** (maskSide, maskSide), see SamModel. */
  logits: Float32Array
}

/** The number of entries of a prompt in a predictor: its points, and the box's corners or the padding entry. */
export const slotsFor = ({ points, box }: ImagePrompt): number => points.length + (box ? 2 : 1)

/** True for a single point, which may mean a part of an object or the whole. */
export const isAmbiguous = ({ points, box }: ImagePrompt): boolean => !box && points.length === 1

/**
 * The masks of prompts on the image that was set last: one for each prompt, or with `multimask` those of tokens 1 to 3, the
 * highest predicted IoU first. For an ambiguous prompt without `multimask` the mask is the one of these three with the highest
 * predicted IoU, as in the reference implementation.
 * @param image the size of the image that was set
 * @param multimask for all prompts, or for each
 * @throws Error if a prompt has more entries than the predictor's slots, or the model's output is not finite
 */
export async function decodePrompts(
  predictor: Predictor,
  image: Size,
  prompts: readonly ImagePrompt[],
  multimask: boolean | ((prompt: ImagePrompt) => boolean) = false,
): Promise<PromptLogits[][]> {
  const { model, slots } = predictor
  const coords = new Float32Array(prompts.length * slots * 2)
  const labels = new Int32Array(prompts.length * slots).fill(promptLabel.absent)
  prompts.forEach((prompt, i) => {
    if (slotsFor(prompt) > slots)
      throw new Error(`a prompt has ${slotsFor(prompt)} entries, the predictor was made for ${slots}`)
    const at = i * slots
    const { points, box } = prompt
    points.forEach(({ x, y, foreground }, k) => {
      coords.set(scalePoint([x, y], image, model.inputSize), 2 * (at + k))
      labels[at + k] = foreground ? promptLabel.foreground : promptLabel.background
    })
    const next = at + points.length
    if (box) {
      coords.set(scaleBox(box, image, model.inputSize), 2 * next)
      labels.set([promptLabel.boxStart, promptLabel.boxEnd], next)
    } else labels[next] = promptLabel.padding
  })
  const prediction = await predictor.predict({ coords, labels })
  checkFinite(prediction)
  return prompts.map((prompt, i) => {
    const iou = (token: number) => prediction.iou[MASK_TOKENS * i + token]
    const ambiguous = Array.from({ length: AMBIGUOUS_MASKS }, (_, k) => k + 1)
    const tokens = (typeof multimask === 'boolean' ? multimask : multimask(prompt))
      ? ambiguous.sort((a, b) => iou(b) - iou(a))
      : [chooseToken(prediction, i, isAmbiguous(prompt))]
    return tokens.map((token) => ({
      token,
      predictedIou: iou(token),
      logits: tokenLogits(prediction, i, token),
    }))
  })
}
