/** Attention on matrix units, emulated at toy size, and compiled as it is by Dawn's null backend. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import backwardKv from '../../../shaders/attention-matrix-backward-kv.wgsl'
import backwardQ from '../../../shaders/attention-matrix-backward-q.wgsl'
import forward from '../../../shaders/attention-matrix-forward.wgsl'
import relative from '../../../shaders/attention-matrix-relative.wgsl'
import { Graph } from '../../../engine/graph/graph'
import { attention } from '../../../engine/ops/attention'
import { windowMap } from '../../../engine/ops/windows'
import { type AttentionCase, attentionReference, sizes } from '../../support/attention-reference'
import { type Input, checkOp } from '../../support/check-op'
import { openEmulatedEngine } from '../../support/emulate-matrix-units'
import { testNeeding } from '../../support/needs'
import { compileForMatrixUnits, openNullEngine } from '../../support/null-engine'
import { randomArray } from '../../support/random'

const emulated = await openEmulatedEngine('high')
const testF16 = testNeeding('f16', emulated ? null : 'this adapter has no f16')
if (emulated) emulated.variants = { ...emulated.variants, attention: 'matrix' }

/** The labels of the dispatches of an attention, forward and backward. */
const labels = (g: Graph) => g.dispatches.map(({ label }) => label)

interface Options {
  /** Values of qkv of a size. */
  data?: (size: number) => Float32Array
  grad?: boolean
}

async function check(c: AttentionCase, { data, grad = true }: Options = {}): Promise<void> {
  const engine = emulated!
  const { batch, sideH, sideW, length, tokens, padded, channels } = sizes(c)
  const { heads, head, height, width, window } = c
  const shape = [tokens + (padded ? 1 : 0), 3 * channels]
  const qkv: Input = { shape, grad, data: data?.(shape[0] * shape[1]) }
  const relative: Record<string, Input> = c.relative
    ? { h: { shape: [2 * sideH - 1, head] }, w: { shape: [2 * sideW - 1, head] } }
    : {}
  const bias: Record<string, Input> = c.bias ? { bias: { shape: [heads, length, length] } } : {}
  const map = windowMap(engine, { batch, height, width, window })
  await checkOp<string>({
    engine,
    inputs: { qkv, ...relative, ...bias },
    build: (g, { qkv, h, w, bias }) => {
      const y = attention(g, qkv, { heads, map, bias, relPos: h && { h, w } })
      assert.ok(labels(g).includes('attention-matrix-forward/forward'), `on matrix units: ${labels(g).join(', ')}`)
      return y
    },
    reference: ({ qkv, h, w, bias }) => attentionReference(c, { qkv, h, w, bias }),
    samples: 24,
    tolerance: 1e-3,
    gradientTolerance: 3e-3,
  })
}

/**
 * All but one have heads of more than 32 channels, which are padded to 64: the first run on a machine compiles each kernel
 * for each padding, which takes a software adapter much longer than running it.
 *
 * Keys come in tiles of 32 columns of one line or of two lines of 16; queries in tiles of 64. Lines of 1, 3, 5, 8, 20 and 35
 * keys, and windows of 1 to 81 positions: within each of these sizes, and over each.
 */
const CASES: Record<string, AttentionCase> = {
  'one key': { height: 1, width: 2, window: 1, heads: 2, head: 40 },
  'relative positions, windows with padding': { height: 5, width: 4, window: 3, heads: 3, head: 36, relative: true },
  'relative positions, two tiles of queries, an odd number of lines': {
    height: 9,
    width: 8,
    window: 0,
    heads: 1,
    head: 48,
    relative: true,
  },
  'relative positions, lines of less than a tile': {
    batch: 2,
    height: 3,
    width: 20,
    window: 0,
    heads: 2,
    head: 40,
    relative: true,
  },
  'relative positions, lines of more than a tile': {
    height: 2,
    width: 35,
    window: 0,
    heads: 1,
    head: 64,
    relative: true,
  },
  'a bias, windows with padding': { batch: 2, height: 5, width: 7, window: 3, heads: 3, head: 60, bias: true },
  'a bias, several tiles of keys': { height: 9, width: 9, window: 0, heads: 2, head: 40, bias: true },
}

for (const [what, c] of Object.entries(CASES)) testF16(what, () => check(c))

testF16('forward, a head of 16 channels', () =>
  check({ height: 9, width: 8, window: 0, heads: 2, head: 16, relative: true }, { grad: false }),
)

testF16('scores that rise by far from tile to tile', async () => {
  // f16 represents these values exactly, and q times the scale: so only probabilities and v are rounded
  const data = (size: number) => randomArray(3, size).map((v) => Math.round(v * 24) / 4)
  await check({ height: 6, width: 20, window: 0, heads: 1, head: 64 }, { data })
  await check({ height: 6, width: 12, window: 0, heads: 2, head: 64, relative: true }, { data })
})

testF16('a gradient by matrix products, after the forward pass on matrix units', async () => {
  const before = emulated!.variants
  emulated!.variants = { ...before, attentionBackward: { short: 'products', long: 'fused' } }
  try {
    await check({ height: 9, width: 8, window: 0, heads: 1, head: 48, relative: true })
  } finally {
    emulated!.variants = before
  }
})

/** Output and gradient of an attention of several windows, with the upstream gradient times `factor`. */
async function run(factor: number, runs = 1): Promise<Float32Array[]> {
  const map = windowMap(emulated!, { batch: 2, height: 5, width: 5, window: 3 })
  const g = new Graph(emulated!, true)
  const qkv = g.input('qkv', [map.tokens + 1, 3 * 80])
  qkv.requiresGrad = true
  const relPos = { h: g.input('h', [5, 40]), w: g.input('w', [5, 40]) }
  const out = g.keep(attention(g, qkv, { heads: 2, map, relPos }))
  const upstream = g.input('upstream', out.shape)
  g.backward(out, upstream)
  const gradient = g.keep(g.gradientOf(qkv)!)
  const program = await g.compile()
  program.poison()
  const inputs = [qkv, relPos.h, relPos.w, upstream]
  inputs.forEach((t, i) =>
    program.write(
      t,
      randomArray(i, t.size).map((v) => (t === upstream ? factor * v : v)),
    ),
  )
  const results: Float32Array[] = []
  for (let i = 0; i < runs; i++) {
    program.run()
    results.push(await program.read(out), await program.read(gradient))
  }
  program.destroy()
  return results
}

testF16('the same bits from every run', async () => {
  const [out, gradient, again, gradientAgain] = await run(1, 2)
  assert.equal(out, again)
  assert.equal(gradient, gradientAgain)
})

testF16('gradients of any size have the same relative accuracy', async () => {
  const [, gradient] = await run(1)
  for (const exponent of [-60, 40]) {
    const [, scaled] = await run(2 ** exponent)
    assert.equal(
      scaled,
      gradient.map((v) => v * 2 ** exponent),
      `times 2^${exponent}`,
    )
  }
  const [, none] = await run(0)
  assert.ok(none.every((v) => v === 0))
})

testF16('scores of any size do not overflow', async () => {
  const map = windowMap(emulated!, { batch: 1, height: 2, width: 3, window: 0 })
  const g = new Graph(emulated!)
  const qkv = g.input('qkv', [6, 3 * 4])
  const out = g.keep(attention(g, qkv, { heads: 1, map }))
  const program = await g.compile()
  // all weight goes to the last key, whose score is 1e6 above the others
  program.write(
    qkv,
    Float32Array.from({ length: 72 }, (_, i) => (i % 12 < 8 ? (i < 60 && i % 12 > 3 ? 0 : 1e3) : i)),
  )
  program.run()
  assert.equal([...(await program.read(out))], Array(6).fill([68, 69, 70, 71]).flat())
  program.destroy()
})

testF16('what the kernels cannot compute, other variants do', async () => {
  const map = windowMap(emulated!, { batch: 1, height: 2, width: 3, window: 0 })
  const recorded = (head: number, both: boolean) => {
    const g = new Graph(emulated!)
    const relPos = { h: g.input('h', [3, head]), w: g.input('w', [5, head]) }
    const bias = both ? g.input('bias', [1, 6, 6]) : undefined
    attention(g, g.input('qkv', [6, 3 * head]), { heads: 1, map, relPos, bias })
    return labels(g).at(-1)
  }
  assert.is(recorded(64, false), 'attention-matrix-forward/forward')
  assert.is(recorded(64, true), 'attention-shared/forward')
  assert.is(recorded(80, false), 'attention-shared/forward')
})

test('Dawn compiles the kernels as they are, for heads of up to 32 and of up to 64', async () => {
  const engine = await openNullEngine()
  for (const parts of [2, 4])
    for (const shader of [forward, backwardQ, backwardKv, relative])
      for (const entry of Object.keys(shader.entries)) await compileForMatrixUnits(engine, shader, entry, { parts })
  engine.destroy()
})

test.after(() => emulated?.destroy())

test.run()
