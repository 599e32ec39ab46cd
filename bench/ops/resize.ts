/** @file Bilinear resizing, as used for mask logits. Memory-bound. */
import { resizeBilinear } from '../../engine/ops/resize'
import { type MicroCase, floats } from '../micro-case'

const shapes = [
  { batch: 16, from: 256, to: 1024, usage: '16 masks to the input, 1024', quick: false },
  { batch: 4, from: 128, to: 512, usage: '4 masks to the input, 512', quick: true },
]

export const resizeCases: MicroCase[] = shapes.map(({ batch, from, to, usage, quick }) => ({
  name: `resize ${batch}x${from}x${from} to ${to}x${to} (${usage})`,
  quick,
  record(bench) {
    const x = bench.variable('x', batch, from, from)
    const output = resizeBilinear(bench.g, x, { batch, height: from, width: from, outHeight: to, outWidth: to })
    const work = { flops: 0, bytes: floats(x.size, output.size) }
    return { output, forward: work, backward: work }
  },
}))
