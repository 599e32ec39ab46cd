/** @file The decoder's upscaling: 2x2 transposed convolutions, computed as a matrix product and a pixel shuffle. */
import { convTranspose2x2 } from '../../engine/ops/upscale'
import { type MicroCase, floats } from '../micro-case'

const shapes = [
  { prompts: 16, side: 64, from: 256, to: 64, usage: 'first, 16 prompts at 1024', quick: false },
  { prompts: 16, side: 128, from: 64, to: 32, usage: 'second, 16 prompts at 1024', quick: false },
  { prompts: 4, side: 32, from: 256, to: 64, usage: 'first, 4 prompts at 512', quick: true },
]

export const upscaleCases: MicroCase[] = shapes.map(({ prompts, side, from, to, usage, quick }) => ({
  name: `upscale ${prompts}x${side}x${side}x${from} to ${to} (${usage})`,
  quick,
  record(bench) {
    const x = bench.variable('x', prompts * side * side, from)
    const weight = bench.operand('weight', 4 * to, from)
    const bias = bench.operand('bias', 4 * to)
    const output = convTranspose2x2(bench.g, x, { batch: prompts, height: side, width: side, weight, bias })
    const work = { flops: 2 * x.size * 4 * to, bytes: floats(x.size, weight.size, output.size) }
    return { output, forward: work, backward: work }
  },
}))
