/** @file A frozen linear layer with LoRA on q and v, at the ranks in use. */
import { linear } from '../../engine/ops/linear'
import { type MicroCase, floats } from '../micro-case'

const layers = [
  { rows: 8192, dim: 768, usage: 'ViT-B 512, eight images', ranks: [4, 8, 16, 32, 64, 128, 256, 512], quick: [] },
  { rows: 1024, dim: 160, usage: 'TinyViT 512, stage 2', ranks: [4, 64, 512], quick: [4, 64] },
]

export const loraCases: MicroCase[] = layers.flatMap(({ rows, dim, usage, ranks, quick }) =>
  ranks.map((rank): MicroCase => ({
    name: `lora rank ${rank} ${rows}x${3 * dim}x${dim} (${usage})`,
    quick: (quick as number[]).includes(rank),
    record(bench) {
      const x = bench.variable('x', rows, dim)
      const weight = bench.operand('W', 3 * dim, dim)
      const bias = bench.operand('bias', 3 * dim)
      const a = bench.variable('A', 2 * rank, dim)
      const b = bench.variable('B', 2 * dim, rank)
      const ranges = [
        { start: 0, end: dim },
        { start: 2 * dim, end: 3 * dim },
      ]
      const output = linear(bench.g, x, { weight, bias, lora: { rank, scale: 1, a, b, ranges } })
      const dense = 2 * rows * 3 * dim * dim
      // one matrix product with A or B, for both targets together
      const thin = 2 * rows * 2 * rank * dim
      const matrices = [3 * dim * dim, 2 * rank * dim, 2 * rank * dim]
      return {
        output,
        forward: { flops: dense + 2 * thin, bytes: floats(rows * dim, ...matrices, rows * 3 * dim) },
        // dx through W, and dt, dB, dA and dx through the adapter
        backward: {
          flops: dense + 4 * thin,
          bytes: floats(rows * 3 * dim, ...matrices, 2 * rows * dim, 4 * rank * dim),
        },
      }
    },
  })),
)
