/** @file Prompts in pixels of an image: points and boxes of objects, and the logits of their masks. */
import { scaleBox, scalePoint } from '../image/model-input'
import type { Size } from '../image/size'
import type { Mask } from '../masks/mask'
import { maskLogits } from './mask-logits'
import { AMBIGUOUS_MASKS, checkFinite, chooseToken } from './mask-tokens'
import type { Predictor, TokenMask } from './predictor'
import { promptLabel } from './prompt-labels'

/** One object's prompt, in pixels of the image. */
export interface ImagePrompt {
  points: readonly { x: number; y: number; foreground: boolean }[]
  /** x0, y0, x1, y1: both corners inclusive. */
  box: readonly [number, number, number, number] | null
  /** An earlier mask of the object, to be refined. */
  mask?: Mask
}

/** The number of entries of a prompt in a predictor: its points, and the box's corners or the padding entry. */
export const slotsFor = ({ points, box }: ImagePrompt): number => points.length + (box ? 2 : 1)

/** True for a single point alone, which may mean a part of an object or the whole. */
export const isAmbiguous = ({ points, box, mask }: ImagePrompt): boolean => !box && !mask && points.length === 1

/**
 * The masks of prompts on the image that was set last: one for each prompt, or with `multimask` those of tokens 1 to 3, the
 * highest predicted IoU first. For an ambiguous prompt without `multimask` the mask is the one of these three with the highest
 * predicted IoU, as in the reference implementation.
 * @param image the size of the image that was set
 * @param multimask for all prompts, or for each
 * @throws Error if a prompt has more entries than the predictor's slots, only some prompts have a mask, the predictor was made
 * with masks and the prompts have none or the reverse, or the model's output is not finite
 */
export async function decodePrompts(
  predictor: Predictor,
  image: Size,
  prompts: readonly ImagePrompt[],
  multimask: boolean | ((prompt: ImagePrompt) => boolean) = false,
): Promise<TokenMask[][]> {
  const { model, slots } = predictor
  const { maskSide } = model
  const masked = prompts.filter(({ mask }) => mask).length
  if (masked && masked < prompts.length)
    throw new Error('of prompts that are decoded together all have a mask, or none')
  const masks = masked ? new Float32Array(prompts.length * maskSide * maskSide) : undefined
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
    masks?.set(maskLogits(prompt.mask!, image, maskSide), i * maskSide * maskSide)
  })
  const ambiguous = Array.from({ length: AMBIGUOUS_MASKS }, (_, k) => k + 1)
  return predictor.predictMasks({ coords, labels, masks }, (iou, i) => {
    checkFinite(iou)
    const prompt = prompts[i]
    const several = typeof multimask === 'boolean' ? multimask : multimask(prompt)
    if (several) return [...ambiguous].sort((a, b) => iou[b] - iou[a])
    return [chooseToken(iou, isAmbiguous(prompt))]
  })
}
