/** @file LayerNorm at the widths of the encoders and the decoder. Memory-bound, so FLOPs are not counted. */
import { layerNorm } from '../../engine/ops/layernorm'
import { type MicroCase, floats } from '../micro-case'

const shapes = [
  { rows: 4096, columns: 768, usage: 'ViT-B 1024', quick: false },
  { rows: 8192, columns: 768, usage: 'ViT-B 512, eight images', quick: false },
  { rows: 16384, columns: 128, usage: 'TinyViT 1024, stage 1', quick: false },
  { rows: 4096, columns: 128, usage: 'TinyViT 512, stage 1', quick: true },
  { rows: 4096, columns: 256, usage: 'neck 1024', quick: true },
  { rows: 262144, columns: 64, usage: 'decoder, 16 prompts at 1024', quick: false },
]

export const layernormCases: MicroCase[] = shapes.map(({ rows, columns, usage, quick }) => ({
  name: `layernorm ${rows}x${columns} (${usage})`,
  quick,
  record(bench) {
    const x = bench.variable('x', rows, columns)
    const [gamma, beta] = ['gamma', 'beta'].map((name) => bench.operand(name, columns))
    const output = layerNorm(bench.g, x, gamma, beta, { eps: 1e-6 })
    return {
      output,
      forward: { flops: 0, bytes: floats(2 * x.size) },
      backward: { flops: 0, bytes: floats(3 * x.size) },
    }
  },
}))
