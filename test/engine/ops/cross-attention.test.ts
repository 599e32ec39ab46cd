import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { type CrossAttention, crossAttention } from '../../../engine/ops/cross-attention'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

type Sizes = Omit<CrossAttention, 'counts'> & { channels: number; counts?: number[] }

/** By plain loops: q (batches·queries, C), k and v (batches·keys, C); keys from the count on are masked. */
function reference(s: Sizes, q: ArrayLike<number>, k: ArrayLike<number>, v: ArrayLike<number>): Float64Array {
  const { batches, heads, queries, keys, channels } = s
  const d = channels / heads
  const out = new Float64Array(batches * queries * channels)
  for (let b = 0; b < batches; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const row = (b * queries + i) * channels + h * d
        const seen = s.counts?.[b] ?? keys
        const scores = Array.from({ length: seen }, (_, j) => {
          let sum = 0
          for (let c = 0; c < d; c++) sum += q[row + c] * k[(b * keys + j) * channels + h * d + c]
          return sum / Math.sqrt(d)
        })
        const top = Math.max(...scores)
        const weights = scores.map((x) => Math.exp(x - top))
        const total = weights.reduce((x, y) => x + y, 0)
        weights.forEach((weight, j) => {
          for (let c = 0; c < d; c++) out[row + c] += (weight / total) * v[(b * keys + j) * channels + h * d + c]
        })
      }
  return out
}

const check = (s: Sizes) =>
  checkOp<'q' | 'k' | 'v' | 'counts'>({
    inputs: {
      q: { shape: [s.batches * s.queries, s.channels], grad: true },
      k: { shape: [s.batches * s.keys, s.channels], grad: true },
      v: { shape: [s.batches * s.keys, s.channels], grad: true },
      counts: { shape: [s.batches], data: Uint32Array.from(s.counts ?? new Array<number>(s.batches).fill(s.keys)) },
    },
    build: (g, { q, k, v, counts }) => crossAttention(g, q, k, v, { ...s, counts: s.counts ? counts : null }),
    reference: ({ q, k, v }) => reference(s, q, k, v),
  })

test('tokens to an image and an image to tokens, sizes odd and even', async () => {
  await check({ batches: 2, heads: 2, queries: 7, keys: 36, channels: 16 })
  await check({ batches: 2, heads: 2, queries: 36, keys: 7, channels: 16 })
  await check({ batches: 3, heads: 1, queries: 1, keys: 5, channels: 3 })
  await check({ batches: 1, heads: 8, queries: 9, keys: 81, channels: 32 })
})

test('each prompt sees as many tokens as it has', async () => {
  await check({ batches: 3, heads: 2, queries: 5, keys: 7, channels: 8, counts: [7, 5, 1] })
  await check({ batches: 2, heads: 4, queries: 9, keys: 70, channels: 16, counts: [66, 3] })
})

test('tokens beyond the count do not change a bit of the result, whatever their values, and get no gradient', async () => {
  const [batches, queries, keys, channels] = [2, 4, 6, 8]
  const counts = [4, 2]
  const run = async (fill: number) => {
    const g = new Graph(engine, true)
    const t = {
      q: g.input('q', [batches * queries, channels]),
      k: g.input('k', [batches * keys, channels]),
      v: g.input('v', [batches * keys, channels]),
    }
    const inputs = Object.values(t)
    for (const tensor of inputs) tensor.requiresGrad = true
    const seen = g.input('counts', [batches])
    const upstream = g.input('upstream', [batches * queries, channels])
    const y = g.keep(crossAttention(g, t.q, t.k, t.v, { batches, heads: 2, queries, keys, counts: seen }))
    g.backward(y, upstream)
    const results = [y, ...inputs.map((tensor) => g.keep(g.gradientOf(tensor)!))]
    const program = await g.compile()
    program.poison()
    inputs.forEach((tensor, i) => {
      const data = randomArray(i + 1, tensor.size)
      if (i > 0) counts.forEach((n, b) => data.fill(fill, (b * keys + n) * channels, (b + 1) * keys * channels))
      program.write(tensor, data)
    })
    program.write(seen, Uint32Array.from(counts))
    program.write(upstream, randomArray(9, upstream.size))
    program.run()
    const read = []
    for (const tensor of results) read.push(await program.read(tensor))
    program.destroy()
    return read
  }
  const plain = await run(0)
  assert.equal(await run(7), plain)
  for (const gradient of plain.slice(2))
    counts.forEach((n, b) =>
      assert.ok(gradient.subarray((b * keys + n) * channels, (b + 1) * keys * channels).every((x) => x === 0)),
    )
})

test.run()
