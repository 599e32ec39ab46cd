import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { type CrossAttention, crossAttention } from '../../../engine/ops/cross-attention'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

type Sizes = Omit<CrossAttention, 'counts' | 'images'> & {
  channels: number
  counts?: number[]
  /** The side whose rows belong to images, and the image of each batch. */
  images?: { side: 'queries' | 'keys'; of: number[] }
}

const usual = engine.variants
const variants = ['stored', 'fused'] as const
const use = (crossAttention: (typeof variants)[number]) => (engine.variants = { ...usual, crossAttention })
test.after.each(() => void (engine.variants = usual))

/** By plain loops: q (batches·queries, C), k and v (batches·keys, C); keys from the count on are masked. */
function reference(s: Sizes, q: ArrayLike<number>, k: ArrayLike<number>, v: ArrayLike<number>): Float64Array {
  const { batches, heads, queries, keys, channels } = s
  const d = channels / heads
  const out = new Float64Array(batches * queries * channels)
  const source = (side: 'queries' | 'keys', b: number) => (s.images?.side === side ? s.images.of[b] : b)
  for (let b = 0; b < batches; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const row = (b * queries + i) * channels + h * d
        const from = (source('queries', b) * queries + i) * channels + h * d
        const first = source('keys', b) * keys
        const seen = s.counts?.[b] ?? keys
        const scores = Array.from({ length: seen }, (_, j) => {
          let sum = 0
          for (let c = 0; c < d; c++) sum += q[from + c] * k[(first + j) * channels + h * d + c]
          return sum / Math.sqrt(d)
        })
        const top = Math.max(...scores)
        const weights = scores.map((x) => Math.exp(x - top))
        const total = weights.reduce((x, y) => x + y, 0)
        weights.forEach((weight, j) => {
          for (let c = 0; c < d; c++) out[row + c] += (weight / total) * v[(first + j) * channels + h * d + c]
        })
      }
  return out
}

const rowsOf = (s: Sizes, side: 'queries' | 'keys') =>
  (s.images?.side === side ? Math.max(...s.images.of) + 1 : s.batches) * s[side]

const check = (s: Sizes) =>
  checkOp<'q' | 'k' | 'v' | 'counts' | 'index'>({
    inputs: {
      q: { shape: [rowsOf(s, 'queries'), s.channels], grad: true },
      k: { shape: [rowsOf(s, 'keys'), s.channels], grad: true },
      v: { shape: [rowsOf(s, 'keys'), s.channels], grad: true },
      counts: { shape: [s.batches], data: Uint32Array.from(s.counts ?? new Array<number>(s.batches).fill(s.keys)) },
      index: { shape: [s.batches], data: Uint32Array.from(s.images?.of ?? new Array<number>(s.batches).fill(0)) },
    },
    build: (g, { q, k, v, counts, index }) =>
      crossAttention(g, q, k, v, {
        ...s,
        counts: s.counts ? counts : null,
        images: s.images && { side: s.images.side, index },
      }),
    reference: ({ q, k, v }) => reference(s, q, k, v),
    samples: 10,
  })

for (const variant of variants) {
  test(`${variant}: tokens to an image and an image to tokens, sizes odd and even`, async () => {
    use(variant)
    await check({ batches: 2, heads: 2, queries: 7, keys: 36, channels: 16 })
    await check({ batches: 2, heads: 2, queries: 36, keys: 7, channels: 16 })
    await check({ batches: 3, heads: 1, queries: 1, keys: 5, channels: 3 })
    await check({ batches: 1, heads: 8, queries: 9, keys: 81, channels: 32 })
  })

  test(`${variant}: heads of 16 and 32 numbers, several chunks of the longer side, more than 8 tokens`, async () => {
    use(variant)
    await check({ batches: 1, heads: 8, queries: 7, keys: 40, channels: 128 })
    await check({ batches: 1, heads: 8, queries: 40, keys: 13, channels: 128 })
    await check({ batches: 2, heads: 2, queries: 12, keys: 12, channels: 64 })
    await check({ batches: 2, heads: 1, queries: 16, keys: 33, channels: 32 })
  })

  test(`${variant}: prompts of one image share its rows`, async () => {
    use(variant)
    const shared = { batches: 5, heads: 2, channels: 16 }
    await check({ ...shared, queries: 3, keys: 70, images: { side: 'keys', of: [1, 0, 1, 1, 0] } })
    await check({ ...shared, queries: 70, keys: 3, images: { side: 'queries', of: [1, 0, 1, 1, 0] } })
  })

  test(`${variant}: each prompt sees as many tokens as it has`, async () => {
    use(variant)
    await check({ batches: 3, heads: 2, queries: 5, keys: 7, channels: 8, counts: [7, 5, 1] })
    await check({ batches: 3, heads: 2, queries: 5, keys: 7, channels: 16, counts: [7, 5, 1] })
    await check({ batches: 2, heads: 4, queries: 9, keys: 70, channels: 16, counts: [66, 3] })
    await check({ batches: 2, heads: 4, queries: 9, keys: 70, channels: 32, counts: [66, 3] })
    await check({ batches: 2, heads: 2, queries: 70, keys: 9, channels: 16, counts: [9, 2] })
  })
}

test('the fused kernels are used where they can be', () => {
  const dispatches = (s: Sizes) => {
    const g = new Graph(engine)
    const [q, k, v] = [s.queries, s.keys, s.keys].map((rows) => g.input('x', [s.batches * rows, s.channels]))
    crossAttention(g, q, k, v, { ...s, images: null, counts: null })
    return g.dispatches.map(({ label }) => label)
  }
  use('fused')
  const sizes = { batches: 2, heads: 8, channels: 128 }
  assert.equal(dispatches({ ...sizes, queries: 100, keys: 16 }), ['cross-attention16/few_keys_forward'])
  const parts = ['cross-attention16/few_queries_parts', 'cross-attention16/few_queries_forward']
  assert.equal(dispatches({ ...sizes, queries: 16, keys: 100 }), parts)
  assert.is(dispatches({ ...sizes, queries: 17, keys: 100 }).length, 3, 'too many tokens')
  assert.is(dispatches({ ...sizes, channels: 96, queries: 7, keys: 100 }).length, 3, 'heads of 12')
  use('stored')
  assert.is(dispatches({ ...sizes, queries: 7, keys: 100 }).length, 3)
})

const unseen = 'tokens beyond the count do not change a bit of the result, whatever their values, and get no gradient'
for (const variant of variants)
  test(`${variant}: ${unseen}`, async () => {
    use(variant)
    const [batches, queries, keys, channels] = [2, 4, 6, 16]
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
