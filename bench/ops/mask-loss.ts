/** @file The mask loss: statistics of the four masks per prompt, the choice among them, and the gradient. Memory-bound. */
import { maskStatistics, selectMasks, maskSupervision, weightedMaskLoss } from '../../engine/ops/mask-loss'
import { type MicroCase, floats } from '../micro-case'

const MASKS = 4
const shapes = [
  { prompts: 16, side: 256, usage: 'an image at 1024', quick: false },
  { prompts: 128, side: 128, usage: 'eight images at 512', quick: false },
  { prompts: 16, side: 128, usage: 'an image at 512', quick: true },
]

export const maskLossCases: MicroCase[] = shapes.map(({ prompts, side, usage, quick }) => ({
  name: `mask loss ${prompts}x${MASKS}x${side}x${side} (${usage})`,
  quick,
  record(bench) {
    const pixels = side * side
    const logits = bench.variable('logits', prompts, MASKS, pixels)
    const targets = bench.operand('targets', prompts, pixels)
    const flags = bench.tensor('flags', [prompts], new Uint32Array(prompts).fill(maskSupervision.best))
    const factors = { dice: 1, bce: 1 }
    const perMask = maskStatistics(bench.g, { logits, targets })
    const weights = selectMasks(bench.g, { perMask, flags, ...factors })
    return {
      output: weightedMaskLoss(bench.g, { logits, targets, perMask, weights, ...factors }),
      forward: { flops: 0, bytes: floats(logits.size, targets.size) },
      backward: { flops: 0, bytes: floats(2 * logits.size, targets.size) },
    }
  },
}))
