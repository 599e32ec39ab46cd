/** @file Softmax over the decoder's attention scores. Memory-bound, so FLOPs are not counted. */
import { softmax } from '../../engine/ops/softmax'
import { type MicroCase, floats } from '../micro-case'

const shapes = [
  { rows: 3584, columns: 4096, usage: 'tokens to image, 64 prompts at 1024', quick: false },
  { rows: 2097152, columns: 7, usage: 'image to tokens, 64 prompts at 1024', quick: false },
  { rows: 896, columns: 1024, usage: 'tokens to image, 16 prompts at 512', quick: true },
]

export const softmaxCases: MicroCase[] = shapes.map(({ rows, columns, usage, quick }) => ({
  name: `softmax ${rows}x${columns} (${usage})`,
  quick,
  record(bench) {
    const x = bench.variable('x', rows, columns)
    return {
      output: softmax(bench.g, x),
      forward: { flops: 0, bytes: floats(2 * x.size) },
      backward: { flops: 0, bytes: floats(3 * x.size) },
    }
  },
}))
