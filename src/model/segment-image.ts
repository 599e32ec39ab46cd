/** @file Segments one image with one prompt, in pixels of the image: `wgsam predict` without its files. */
import type { RgbImage } from '../../engine/image/rgb-image'
import type { Predictor } from '../../engine/sam/predictor'
import type { ImagePrompt } from '../../engine/sam/prompt-masks'
import type { Size } from '../../engine/image/size'
import type { ScaleSettings } from '../../engine/scale/scale-settings'
import { type PromptedMask, TiledPredictor } from '../../engine/scale/tiled-predictor'
import type { View } from '../../engine/scale/view'
import { UserError } from '../host/errors'

/** The points of a prompt in the review, at most: the decoder is recorded for that many and a box. */
export const MAX_POINTS = 16

/** @throws UserError if the prompt is empty or outside the image */
export function checkPrompt({ points, box }: ImagePrompt, { width, height }: Size): void {
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

/**
 * Encodes an image and predicts the mask of a prompt at the scale that the model knows; with `multimask` the masks of tokens
 * 1 to 3, the highest predicted IoU first.
 * @throws UserError if the prompt is outside the image
 */
export async function segment(
  predictor: Predictor,
  image: RgbImage,
  prompt: ImagePrompt,
  multimask = false,
  scale: ScaleSettings = { diameter: 'none' },
): Promise<{ masks: PromptedMask[]; view: View }> {
  checkPrompt(prompt, image)
  const { masks, view } = await new TiledPredictor(predictor).predictAtScale(image, [prompt], scale, { multimask })
  return { masks: masks[0], view }
}
