/** @file Segments one image with one prompt, in pixels of the image: `wgsam predict` without its files. */
import type { RgbImage } from '../../engine/image/rgb-image'
import type { Predictor } from '../../engine/sam/predictor'
import { promptLabel } from '../../engine/sam/prompt-labels'
import { scaleBox, scalePoint } from '../../engine/image/model-input'
import type { Size } from '../../engine/image/size'
import { UserError } from '../host/errors'
import { MaskScaler } from '../../engine/masks/mask-scaler'
import { checkFinite, chooseToken, tokenLogits } from '../../engine/sam/mask-tokens'
import type { Mask } from '../../engine/masks/mask'

/** One object's prompt, in pixels of the image. */
export interface Prompt {
  points: { x: number; y: number; foreground: boolean }[]
  /** x0, y0, x1, y1: both corners inclusive. */
  box: [number, number, number, number] | null
}

export interface Segment {
  /** The mask token: 0 for an unambiguous prompt; 1 to 3, from part to whole, for an ambiguous one. */
  token: number
  /** The model's estimate of the mask's IoU. */
  predictedIou: number
  mask: Mask
}

/** The number of entries of a prompt in a predictor: its points, and the box's corners or the padding entry. */
export const slotsFor = ({ points, box }: Prompt): number => points.length + (box ? 2 : 1)

/** @throws UserError if the prompt is empty or outside the image */
export function checkPrompt({ points, box }: Prompt, { width, height }: Size): void {
  if (!points.length && !box) throw new UserError('which object? Give --point x,y or --box x0,y0,x1,y1, or both')
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height
  for (const { x, y } of points)
    if (!inside(x, y)) throw new UserError(`the point ${x},${y} is outside the image of ${width} x ${height} pixels`)
  if (!box) return
  const [x0, y0, x1, y1] = box
  if (!inside(x0, y0) || !inside(x1, y1))
    throw new UserError(`the box ${box.join(',')} is not inside the image of ${width} x ${height} pixels`)
  if (x0 >= x1 || y0 >= y1)
    throw new UserError(`the box ${box.join(',')} is empty: it is x0,y0,x1,y1, left before right and top before bottom`)
}

/** A mask as low-resolution logits. */
export interface LowSegment extends Omit<Segment, 'mask'> {
  /** (maskSide, maskSide), see SamModel. */
  logits: Float32Array
}

/** True for a single point, which may mean a part of an object or the whole. */
export const isAmbiguous = ({ points, box }: Prompt): boolean => !box && points.length === 1

/**
 * Predicts the mask of a prompt on the image that was set last; with `multimask` the masks of tokens 1 to 3, the
 * highest predicted IoU first. For an ambiguous prompt without `multimask` the mask is the one of these three with the
 * highest predicted IoU, as in the reference implementation.
 * @throws UserError if the prompt is outside the image
 */
export async function decodePrompt(
  predictor: Predictor,
  image: Size,
  prompt: Prompt,
  multimask: boolean,
): Promise<LowSegment[]> {
  checkPrompt(prompt, image)
  const { model, slots } = predictor
  const coords = new Float32Array(2 * slots)
  const labels = new Int32Array(slots).fill(promptLabel.absent)
  prompt.points.forEach(({ x, y, foreground }, i) => {
    coords.set(scalePoint([x, y], image, model.inputSize), 2 * i)
    labels[i] = foreground ? promptLabel.foreground : promptLabel.background
  })
  const next = prompt.points.length
  if (prompt.box) {
    coords.set(scaleBox(prompt.box, image, model.inputSize), 2 * next)
    labels.set([promptLabel.boxStart, promptLabel.boxEnd], next)
  } else labels[next] = promptLabel.padding
  const prediction = await predictor.predict({ coords, labels })
  checkFinite(prediction)
  const tokens = multimask
    ? [1, 2, 3].sort((a, b) => prediction.iou[b] - prediction.iou[a])
    : [chooseToken(prediction, 0, isAmbiguous(prompt))]
  return tokens.map((token) => ({
    token,
    predictedIou: prediction.iou[token],
    logits: tokenLogits(prediction, 0, token),
  }))
}

/**
 * Encodes an image and predicts as `decodePrompt`, with masks in the image's size.
 * @throws UserError as decodePrompt
 */
export async function segment(
  predictor: Predictor,
  image: RgbImage,
  prompt: Prompt,
  multimask = false,
): Promise<Segment[]> {
  checkPrompt(prompt, image)
  predictor.setImage(image)
  const segments = await decodePrompt(predictor, image, prompt, multimask)
  const { maskSide, inputSize } = predictor.model
  const scaler = new MaskScaler(maskSide, inputSize, image)
  return segments.map(({ logits, ...rest }) => ({ ...rest, mask: scaler.mask(logits) }))
}
