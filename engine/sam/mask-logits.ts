/** @file A mask of an image as the logits that the prompt encoder takes. */
import { resizeLongest } from '../image/model-input'
import { resizeBytes } from '../image/resize'
import type { Size } from '../image/size'
import type { Mask } from '../masks/mask'
import { paintMasks } from '../masks/mask-algebra'

/** The logit of a place wholly inside a mask; outside it is the negative. SAM 2 gives masks as prompts the same values. */
const CERTAIN = 10

/**
 * Logits (side, side) of a mask of an image, for the square of the model's masks: from -10 where nothing is inside the mask to 10
 * where everything is, and -10 in the padding.
 * @param side see SamModel.maskSide
 */
export function maskLogits(mask: Mask, { width, height }: Size, side: number): Float32Array {
  const valid = resizeLongest(width, height, side)
  const inside = resizeBytes(paintMasks([mask], { width, height }, 255), width, height, 1, valid.width, valid.height)
  const logits = new Float32Array(side * side).fill(-CERTAIN)
  for (let y = 0; y < valid.height; y++)
    for (let x = 0; x < valid.width; x++) logits[y * side + x] = ((2 * inside[y * valid.width + x]) / 255 - 1) * CERTAIN
  return logits
}
