/** @file The mask decoder's cross attention in both directions, including the scores and their softmax. */
import { crossAttention } from '../../engine/ops/cross-attention'
import { type MicroCase, floats } from '../micro-case'

const [HEADS, CHANNELS, TOKENS] = [8, 128, 7]
const shapes = [
  { usage: '1024, 64 prompts', prompts: 64, cells: 4096, quick: false },
  { usage: '512, 16 prompts', prompts: 16, cells: 1024, quick: true },
]
const directions = [
  { direction: 'tokens to image', of: (cells: number) => ({ queries: TOKENS, keys: cells }) },
  { direction: 'image to tokens', of: (cells: number) => ({ queries: cells, keys: TOKENS }) },
]

export const crossAttentionCases: MicroCase[] = shapes.flatMap(({ usage, prompts, cells, quick }) =>
  directions.map(({ direction, of }): MicroCase => {
    const { queries, keys } = of(cells)
    return {
      name: `cross attention ${prompts}x${queries}x${keys} (${direction}, ${usage})`,
      quick,
      record(bench) {
        const q = bench.variable('q', prompts * queries, CHANNELS)
        const [k, v] = ['k', 'v'].map((name) => bench.variable(name, prompts * keys, CHANNELS))
        const output = crossAttention(bench.g, q, k, v, { batches: prompts, heads: HEADS, queries, keys })
        const flops = 4 * prompts * queries * keys * CHANNELS
        const scores = prompts * HEADS * queries * keys
        return {
          output,
          forward: { flops, bytes: floats(2 * q.size, k.size, v.size, 4 * scores) },
          backward: { flops: 2 * flops, bytes: floats(3 * q.size, 2 * k.size, 2 * v.size, 5 * scores) },
        }
      },
    }
  }),
)
