/** @file What Predictor.predictMasks returns, from all masks: for tests that stand in for a model. */
import type { Prediction, TokenMask } from '../../engine/sam/predictor'

/** @param choose see Predictor.predictMasks */
export function chosenMasks(
  { logits, iou }: Prediction,
  choose: (iou: Float32Array, prompt: number) => readonly number[],
): TokenMask[][] {
  const plane = logits.length / iou.length
  return Array.from({ length: iou.length / 4 }, (_, prompt) => {
    const own = iou.subarray(4 * prompt, 4 * prompt + 4)
    return choose(own, prompt).map((token) => {
      const start = (4 * prompt + token) * plane
      return { token, predictedIou: own[token], logits: logits.subarray(start, start + plane) }
    })
  })
}
