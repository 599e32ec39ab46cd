/** @file Segments one image by one prompt: what `wgsam predict` does, without its files. */
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
  /** Inclusive corners. */
  box: [number, number, number, number] | null
}

export interface Segment {
  /** The mask token: 0 for a clear prompt; 1 to 3, from part to whole, for an ambiguous one. */
  token: number
  /** The model's own estimate of the mask's IoU. */
  predictedIou: number
  mask: Mask
}

/** Entries that a prompt takes in a predictor: its points, and a box's corners or the reference's padding. */
export const slotsFor = ({ points, box }: Prompt): number => points.length + (box ? 2 : 1)

/** @throws UserError where the prompt is empty or outside the image */
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

/** A mask before it has the image's size. */
export interface LowSegment extends Omit<Segment, 'mask'> {
  /** (maskSide, maskSide), see SamModel. */
  logits: Float32Array
}

/** A single point: it may mean a part or the whole. */
export const isAmbiguous = ({ points, box }: Prompt): boolean => !box && points.length === 1

/**
 * The mask of a prompt on the image that the predictor holds; with `multimask` the three of an ambiguous one, the best
 * first. A single point is ambiguous, and the mask is then the best of three by the model's own estimate, as in the
 * reference. @throws UserError where the prompt is outside the image
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

/** decodePrompt on an image that is encoded first, with the masks in its size. */
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
