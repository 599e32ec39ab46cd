/** @file The mask decoder's attention between tokens and image, both ways; the scores and their softmax included. */
import { crossAttention } from '../../engine/ops/cross-attention'
import { type MicroCase, floats } from '../micro-case'

const [HEADS, CHANNELS, TOKENS] = [8, 128, 7]
const shapes = [
  { what: '1024, 64 prompts', prompts: 64, cells: 4096, quick: false },
  { what: '512, 16 prompts', prompts: 16, cells: 1024, quick: true },
]
const ways = [
  { way: 'tokens to image', of: (cells: number) => ({ queries: TOKENS, keys: cells }) },
  { way: 'image to tokens', of: (cells: number) => ({ queries: cells, keys: TOKENS }) },
]

export const cases: MicroCase[] = shapes.flatMap(({ what, prompts, cells, quick }) =>
  ways.map(({ way, of }): MicroCase => {
    const { queries, keys } = of(cells)
    return {
      name: `cross attention ${prompts}x${queries}x${keys} (${way}, ${what})`,
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
