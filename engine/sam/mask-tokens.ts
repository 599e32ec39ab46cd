/** @file Which of a prompt's mask tokens to use, and its logits. */
import { MASK_TOKENS } from './mask-decoder'
import type { Prediction } from './predictor'

/** The number of masks of an ambiguous prompt: tokens 1 to 3, from part to whole. */
export const AMBIGUOUS_MASKS = MASK_TOKENS - 1

/**
 * SAM's choice among a prompt's masks: token 0 of an unambiguous prompt; of an ambiguous one the token from 1 to 3 with
 * the highest predicted IoU, the first of equals.
 */
export function chooseToken({ iou }: Prediction, prompt: number, ambiguous: boolean): number {
  if (!ambiguous) return 0
  const first = MASK_TOKENS * prompt
  let token = 1
  for (let other = 2; other < MASK_TOKENS; other++) if (iou[first + other] > iou[first + token]) token = other
  return token
}

/** The logits (maskSide²) of one of a prompt's mask tokens. */
export function tokenLogits({ logits, iou }: Prediction, prompt: number, token: number): Float32Array {
  const plane = logits.length / iou.length
  const start = (MASK_TOKENS * prompt + token) * plane
  return logits.subarray(start, start + plane)
}

/** @throws Error if a predicted IoU is not finite */
export function checkFinite({ iou }: Prediction): void {
  if (!iou.every(Number.isFinite))
    throw new Error('the model gives masks that are not finite numbers: its weights, adapter or driver are at fault')
}
