/** @file GELU alone; linear layers fuse it into the matrix product. Memory-bound, so FLOPs are not counted. */
import { activate } from '../../engine/ops/pointwise'
import { type MicroCase, floats } from '../micro-case'

const shapes = [
  { rows: 4096, columns: 3072, usage: 'ViT-B 1024, MLP', quick: false },
  { rows: 65536, columns: 256, usage: 'TinyViT 1024, stage 0', quick: false },
  { rows: 16384, columns: 256, usage: 'TinyViT 512, stage 0', quick: true },
]

export const geluCases: MicroCase[] = shapes.map(({ rows, columns, usage, quick }) => ({
  name: `gelu ${rows}x${columns} (${usage})`,
  quick,
  record(bench) {
    const x = bench.variable('x', rows, columns)
    return {
      output: activate(bench.g, x, 'gelu'),
      forward: { flops: 0, bytes: floats(2 * x.size) },
      backward: { flops: 0, bytes: floats(3 * x.size) },
    }
  },
}))
