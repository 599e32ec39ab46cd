/** @file The decoder's last product, of each pixel with the vectors of four masks. Memory-bound. */
import { maskLogits } from '../../engine/ops/mask-logits'
import { type MicroCase, floats } from '../micro-case'

const CHANNELS = 32
const shapes = [
  { prompts: 64, side: 64, usage: '64 prompts at 1024', quick: false },
  { prompts: 4, side: 32, usage: '4 prompts at 512', quick: true },
]

export const maskLogitsCases: MicroCase[] = shapes.map(({ prompts, side, usage, quick }) => ({
  name: `mask logits ${prompts}x4x${4 * side}x${4 * side} (${usage})`,
  quick,
  record(bench) {
    const vectors = bench.variable('vectors', prompts, 4 * CHANNELS)
    const pixels = bench.variable('pixels', prompts * 16 * side * side, CHANNELS)
    const output = maskLogits(bench.g, vectors, pixels, { prompts, side })
    const flops = 8 * pixels.size
    return {
      output,
      forward: { flops, bytes: floats(pixels.size, output.size) },
      backward: { flops: 2 * flops, bytes: floats(2 * pixels.size, output.size) },
    }
  },
}))
