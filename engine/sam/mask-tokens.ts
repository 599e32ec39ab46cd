/** @file Which of a prompt's mask tokens to use. */
import { MASK_TOKENS } from './mask-decoder'

/** The number of masks of an ambiguous prompt: tokens 1 to 3, from part to whole. */
export const AMBIGUOUS_MASKS = MASK_TOKENS - 1

/**
 * SAM's choice among a prompt's masks: token 0 of an unambiguous prompt; of an ambiguous one the token from 1 to 3 with
 * the highest predicted IoU, the first of equals.
 * @param iou predicted of the prompt's MASK_TOKENS masks
 */
export function chooseToken(iou: ArrayLike<number>, ambiguous: boolean): number {
  if (!ambiguous) return 0
  let token = 1
  for (let other = 2; other < MASK_TOKENS; other++) if (iou[other] > iou[token]) token = other
  return token
}

/** @throws Error if a predicted IoU is not finite */
export function checkFinite(iou: Float32Array): void {
  if (!iou.every(Number.isFinite))
    throw new Error('the model gives masks that are not finite numbers: its weights, adapter or driver are at fault')
}
