import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { attention } from '../../../engine/ops/attention'
import { windowMap } from '../../../engine/ops/windows'
import { type AttentionCase, attentionReference, sizes } from '../../support/attention-reference'
import { type Input, checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { testNeeding } from '../../support/needs'
import { randomArray, relativeError } from '../../support/random'

async function check(c: AttentionCase, samples = 24): Promise<void> {
  const { batch, sideH, sideW, length, tokens, padded, channels } = sizes(c)
  const { heads, head, height, width, window } = c
  const qkv: Input = { shape: [tokens + (padded ? 1 : 0), 3 * channels], grad: true }
  const relative: Record<string, Input> = c.relative
    ? { h: { shape: [2 * sideH - 1, head] }, w: { shape: [2 * sideW - 1, head] } }
    : {}
  const bias: Record<string, Input> = c.bias ? { bias: { shape: [heads, length, length] } } : {}
  const map = windowMap(engine, { batch, height, width, window })
  await checkOp<string>({
    inputs: { qkv, ...relative, ...bias },
    build: (g, { qkv, h, w, bias }) => attention(g, qkv, { heads, map, bias, relPos: h && { h, w } }),
    reference: ({ qkv, h, w, bias }) => attentionReference(c, { qkv, h, w, bias }),
    samples,
  })
}

/** Lengths of 1, 9, 15, 16 and 42: within one tile, one block of eight and one workgroup, and over each. */
const CASES: Record<string, AttentionCase> = {
  'one key': { height: 1, width: 2, window: 1, heads: 2, head: 8 },
  'a bias, windows with padding': { batch: 2, height: 5, width: 7, window: 3, heads: 3, head: 16, bias: true },
  'relative positions on a grid that is not square': {
    batch: 2,
    height: 3,
    width: 5,
    window: 0,
    heads: 2,
    head: 32,
    relative: true,
  },
  'relative positions, windows with padding': { height: 5, width: 4, window: 3, heads: 3, head: 4, relative: true },
  'both, and a head of 80': { height: 6, width: 7, window: 0, heads: 1, head: 80, relative: true, bias: true },
}
/** The head dimension of ViT-B and ViT-L: only the shared variant has separate kernels for it. */
const OF_SHARED: Record<string, AttentionCase> = {
  'relative positions, and a head of 64': { height: 5, width: 7, window: 0, heads: 1, head: 64, relative: true },
}
const chosen = engine.variants
const testSubgroup = testNeeding(
  'subgroups',
  engine.subgroupSize < 8 ? 'this adapter has no subgroups of 8 or more' : null,
)

/**
 * Windows of 49, 65 and 80: one workgroup, and two, the second with one half or one position. All but one have more than 32 channels,
 * as kernels of another number of channels are compiled again, which takes longer than they run.
 */
const OF_WIDE: Record<string, AttentionCase> = {
  'relative positions, and two workgroups': { height: 8, width: 10, window: 0, heads: 2, head: 36, relative: true },
  'a bias, windows of 49 with padding': { height: 9, width: 7, window: 7, heads: 2, head: 64, bias: true },
  'both, and windows of 65': { height: 5, width: 13, window: 0, heads: 1, head: 40, relative: true, bias: true },
  'relative positions, windows with padding': { height: 5, width: 4, window: 3, heads: 3, head: 36, relative: true },
}
const cases = {
  direct: CASES,
  shared: { ...CASES, ...OF_SHARED },
  wide: OF_WIDE,
  subgroup: CASES,
}

for (const variant of ['direct', 'shared', 'wide', 'subgroup'] as const) {
  const register = variant === 'subgroup' ? testSubgroup : test
  for (const [what, c] of Object.entries(cases[variant]))
    register(`${variant}: ${what}`, async () => {
      engine.variants = { ...chosen, attention: variant, wideGroups: 0 }
      await check(c, 12)
    })

  register(`${variant}: the same bits from every run`, async () => {
    engine.variants = { ...chosen, attention: variant, wideGroups: 0 }
    const map = windowMap(engine, { batch: 2, height: 7, width: 7, window: 3 })
    const g = new Graph(engine, true)
    const head = variant === 'wide' ? 36 : 16
    const qkv = g.input('qkv', [map.tokens + 1, 3 * 2 * head])
    qkv.requiresGrad = true
    const relPos = { h: g.input('h', [5, head]), w: g.input('w', [5, head]) }
    const out = g.keep(attention(g, qkv, { heads: 2, map, relPos }))
    const upstream = g.input('upstream', out.shape)
    g.backward(out, upstream)
    const gradient = g.keep(g.gradientOf(qkv)!)
    const program = await g.compile()
    ;[qkv, relPos.h, relPos.w, upstream].forEach((t, i) => program.write(t, randomArray(i, t.size)))
    const runs: Float32Array[][] = []
    for (let i = 0; i < 2; i++) {
      program.run()
      runs.push([await program.read(out), await program.read(gradient)])
    }
    assert.ok(runs[0].every((first, i) => first.every((v, j) => v === runs[1][i][j])))
    program.destroy()
  })

  test(`${variant}: scores of any size do not overflow`, async () => {
    engine.variants = { ...chosen, attention: variant, wideGroups: 0 }
    const map = windowMap(engine, { batch: 1, height: 2, width: 3, window: 0 })
    const g = new Graph(engine)
    const qkv = g.input('qkv', [6, 3 * 4])
    const out = g.keep(attention(g, qkv, { heads: 1, map }))
    const program = await g.compile()
    // all weight goes to the last key, whose score is 1e6 above the others
    program.write(
      qkv,
      Float32Array.from({ length: 72 }, (_, i) => (i % 12 < 8 ? (i < 60 && i % 12 > 3 ? 0 : 1e3) : i)),
    )
    program.run()
    const last = [68, 69, 70, 71]
    assert.equal([...(await program.read(out))], Array(6).fill(last).flat())
    program.destroy()
  })
}

test('wide: a head of up to 32 channels is half of the sums; few workgroups or a larger head take the shared kernels', async () => {
  engine.variants = { ...chosen, attention: 'wide', wideGroups: 0 }
  const one: AttentionCase = { batch: 2, height: 7, width: 9, window: 7, heads: 2, head: 32, bias: true }
  const map = windowMap(engine, { batch: 2, height: 7, width: 9, window: 7 })
  const record = (head: number) => {
    const g = new Graph(engine)
    const [qkv, bias] = [g.input('qkv', [map.tokens + 1, 6 * head]), g.input('bias', [2, 49, 49])]
    return { g, qkv, bias, out: g.keep(attention(g, qkv, { heads: 2, map, bias })) }
  }
  const { g, qkv, bias, out } = record(32)
  const program = await g.compile()
  program.poison()
  const [a, b] = [randomArray(1, qkv.size), randomArray(2, bias.size)]
  program.write(qkv, a)
  program.write(bias, b)
  program.run()
  const expected = attentionReference(one, { qkv: Float64Array.from(a), bias: Float64Array.from(b) })
  assert.ok(relativeError(await program.read(out), expected) < 1e-6)
  program.destroy()

  const kernel = (head: number) => record(head).g.dispatches.map(({ shader }) => shader.name)
  assert.equal(kernel(64), ['attention-wide'])
  assert.equal(kernel(68), ['attention-shared'])
  engine.variants = { ...chosen, attention: 'wide' }
  assert.equal(kernel(64), ['attention-shared'], '8 workgroups')
})

test.after(() => {
  engine.variants = chosen
})

test('what does not fit is refused by name', () => {
  const g = new Graph(engine)
  const map = windowMap(engine, { batch: 1, height: 3, width: 3, window: 2 })
  const run =
    (rows: number, columns: number, heads: number, more = {}) =>
    () =>
      attention(g, g.input('my qkv', [rows, columns]), { heads, map, ...more })
  assert.throws(run(9, 48, 1), /my qkv has 9 rows; 9 tokens with 7 padded need 10/)
  assert.throws(run(10, 48, 5), /48 columns of q, k and v are not 3 x 5 heads/)
  assert.throws(run(10, 48, 1, { bias: g.input('b', [1, 4, 5]) }), /bias b is \[1,4,5\], not \[1,4,4\]/)
  assert.throws(run(10, 48, 1, { relPos: { h: g.input('rh', [3, 16]), w: g.input('rw', [4, 16]) } }), /rw is \[4,16\]/)
})

test.run()
