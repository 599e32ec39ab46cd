/** @file A model whose masks are discs around its prompts: what the page does with masks can then be predicted. */
import { Predictor } from '../../engine/sam/predictor'
import { promptLabel } from '../../engine/sam/prompt-labels'
import { chosenMasks } from './chosen-masks'

/**
 * Lets all predictors answer with discs: a mask has the pixels within a radius of a foreground point or the middle of the box,
 * and not within that of a background point. What the model really computes is discarded.
 * @param radii of the four mask tokens, in logits of the mask
 * @returns a function that ends it
 */
export function predictDiscs(radii: readonly number[] = [2.5, 2, 2.5, 3.5]): () => void {
  const { predictMasks } = Predictor.prototype
  Predictor.prototype.predictMasks = async function (batch, choose) {
    const found = await this.predict(batch)
    const { slots } = this
    const { maskSide, inputSize } = this.model
    const count = batch.labels.length / slots
    const logits = new Float32Array(found.logits.length)
    for (let p = 0; p < count; p++) {
      const entries = Array.from({ length: slots }, (_, k) => {
        const at = p * slots + k
        const [x, y] = [0, 1].map((axis) => (batch.coords[2 * at + axis] * maskSide) / inputSize - 0.5)
        return { label: batch.labels[at], x, y }
      })
      const corners = entries.filter(({ label }) => label >= promptLabel.boxStart)
      const on = entries.filter(({ label }) => label === promptLabel.foreground)
      const off = entries.filter(({ label }) => label === promptLabel.background)
      if (corners.length)
        on.push({ ...corners[0], x: (corners[0].x + corners[1].x) / 2, y: (corners[0].y + corners[1].y) / 2 })
      for (const [token, radius] of radii.entries())
        for (let i = 0; i < maskSide ** 2; i++) {
          const distance = (points: typeof on) =>
            Math.min(
              Infinity,
              ...points.map(({ x, y }) => Math.hypot((i % maskSide) - x, Math.floor(i / maskSide) - y)),
            )
          logits[(p * radii.length + token) * maskSide ** 2 + i] = Math.max(
            -50,
            Math.min(radius - distance(on), distance(off) - radius),
          )
        }
    }
    const iou = Float32Array.from(found.iou, (_, i) => [0.8, 0.85, 0.95, 0.9][i % 4])
    return chosenMasks({ logits, iou }, choose)
  }
  return () => void (Predictor.prototype.predictMasks = predictMasks)
}
