/**
 * Precision `high` without matrix units: operands are rounded to 11 significant bits, whatever their size; products and attention
 * read the rounded ones, forward and backward, and compute what emulated matrix units do.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allMatmuls } from '../../../engine/device/kernel-variants'
import { LAYOUTS, type Layout } from '../../../engine/device/matmul-class'
import type { Tensor } from '../../../engine/device/tensor'
import { Graph } from '../../../engine/graph/graph'
import { attention } from '../../../engine/ops/attention'
import { gemm } from '../../../engine/ops/gemm'
import { linear } from '../../../engine/ops/linear'
import { roundedOperand } from '../../../engine/ops/rounded-operands'
import { windowMap } from '../../../engine/ops/windows'
import { type AttentionCase, attentionReference, sizes } from '../../support/attention-reference'
import { checkOp } from '../../support/check-op'
import { openEmulatedEngine } from '../../support/emulate-matrix-units'
import { engine } from '../../support/engine'
import { testNeeding } from '../../support/needs'
import { randomArray, relativeError } from '../../support/random'

const usual = engine.variants
const emulated = await openEmulatedEngine('high')
test.before.each(() => void (engine.variants = { ...usual, roundOperands: true }))
test.after(() => {
  engine.variants = usual
  emulated?.destroy()
})

/** The nearest whole number; of two the even one. */
function toEven(x: number): number {
  const below = Math.floor(x)
  return x - below === 0.5 ? 2 * Math.round(below / 2) : Math.round(x)
}

/** Rounds as f16 does after multiplying by the power of two that moves the largest magnitude to between 2^14 and 2^15. */
function rounded(values: Float32Array): Float64Array {
  const largest = values.reduce((top, v) => Math.max(top, Math.abs(v)), 0)
  const scale = 2 ** (14 - Math.floor(Math.log2(largest)))
  return Float64Array.from(values, (v) => {
    const x = v * scale
    const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10)
    return x ? (toEven(x / unit) * unit) / scale : 0
  })
}

/** Runs twice in poisoned memory, and reads what was kept. */
async function run(g: Graph, out: Tensor, inputs: [Tensor, Float32Array][]): Promise<Float32Array> {
  const program = await g.compile()
  const results = []
  for (let i = 0; i < 2; i++) {
    program.poison()
    for (const [tensor, values] of inputs) program.write(tensor, values)
    program.run()
    results.push(await program.read(out))
  }
  program.destroy()
  assert.equal(Buffer.from(results[0].buffer), Buffer.from(results[1].buffer), 'two runs')
  return results[0]
}

test('values keep 11 significant bits, from huge to tiny', async () => {
  for (const [factor, small] of [
    [1, 1],
    [1e30, 1e-5],
    [1e-25, 1e-5],
    [3, 1e-12],
  ]) {
    const values = randomArray(3, 1300, factor).map((v, i) => (i % 3 ? v : v * small))
    values[7] = 0
    const g = new Graph(engine)
    const x = g.input('x', [13, 100])
    const got = await run(g, g.keep(roundedOperand(g, x)), [[x, values]])
    assert.equal([...got], [...rounded(values)], `${factor} ${small}`)
  }
})

test('what is no number stays so', async () => {
  for (const wrong of [NaN, Infinity, -Infinity]) {
    const values = randomArray(3, 64)
    values[9] = wrong
    const g = new Graph(engine)
    const x = g.input('x', [64])
    const got = await run(g, g.keep(roundedOperand(g, x)), [[x, values]])
    assert.not(Number.isFinite(got[9]), `${wrong}: ${got[9]}`)
  }
})

test('an engine that does not ask for it reads operands as they are', () => {
  engine.variants = usual
  const g = new Graph(engine)
  const x = g.input('x', [64])
  assert.is(roundedOperand(g, x), x)
  assert.is(g.dispatches.length, 0)
})

const SIZES = { m: 36, n: 24, k: 68 }

/** A product of A in the middle of its tensor, whose other values are far larger, and B. */
async function product(at: typeof engine, layout: Layout, a: Float32Array, b: Float32Array): Promise<Float32Array> {
  const { m, n, k } = SIZES
  const g = new Graph(at)
  const [rows, along] = layout === 'tn' ? [k, m] : [m, k]
  const whole = g.input('A', [rows + 1, along])
  const right = g.input('B', layout === 'nt' ? [n, k] : [k, n])
  const c = g.keep(g.tensor('C', [m, n]))
  gemm(g, {
    layout,
    ...SIZES,
    a: { tensor: whole, stride: along, offset: along },
    b: { tensor: right, stride: right.columns },
    c: { tensor: c, stride: n },
  })
  const before = new Float32Array(whole.size).fill(1e9)
  before.set(a, along)
  return run(g, c, [
    [whole, before],
    [right, b],
  ])
}

for (const layout of LAYOUTS)
  test(`${layout}: the product is that of the rounded operands`, async () => {
    const { m, n, k } = SIZES
    const [a, b] = [randomArray(1, m * k, 1e-6), randomArray(2, k * n, 300)]
    const reference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Float64Array.from({ length: m * n }, (_, at) => {
        const [i, j] = [Math.floor(at / n), at % n]
        let sum = 0
        for (let l = 0; l < k; l++)
          sum += a[layout === 'tn' ? l * m + i : i * k + l] * b[layout === 'nt' ? j * k + l : l * n + j]
        return sum
      })
    const c = await product(engine, layout, a, b)
    const error = relativeError(c, reference(rounded(a), rounded(b)))
    assert.ok(error < 1e-6, `${error}`)
    const unrounded = relativeError(c, reference(a, b))
    assert.ok(unrounded > 5e-5 && unrounded < 6e-4, `of what was not rounded: ${unrounded}`)
  })

testNeeding('f16', emulated ? null : 'this adapter has no f16')('matrix units compute the same', async () => {
  const { m, n, k } = SIZES
  const [a, b] = [randomArray(1, m * k, 1e-6), randomArray(2, k * n, 300)]
  emulated!.variants = { ...emulated!.variants, matmul: allMatmuls('matrix'), matrixWork: 0 }
  const units = await product(emulated!, 'nt', a, b)
  const error = relativeError(await product(engine, 'nt', a, b), units)
  assert.ok(error < 1e-6, `${error}`)
})

test('a layer with LoRA has the gradients of its rounded operands, in the middle of a graph', async () => {
  const [m, n, k, rank] = [36, 24, 20, 4]
  const ranges = [{ start: 0, end: 8 }]
  await checkOp({
    inputs: {
      x: { shape: [m, k], grad: true },
      weight: { shape: [n, k], grad: true },
      bias: { shape: [n], grad: true },
      a: { shape: [rank, k], grad: true },
      b: { shape: [8, rank], grad: true },
    },
    build: (g, { x, weight, bias, a, b }) => {
      const y = linear(g, x, { weight, bias, lora: { rank, scale: 0.5, a, b, ranges } })
      assert.is(g.dispatches.filter(({ entry }) => entry === 'round_operand').length, 6, 'x, A; x, weight, x Aᵀ, B')
      return y
    },
    reference: ({ x, weight, bias, a, b }) => {
      const y = new Float64Array(m * n)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          y[i * n + j] = bias[j]
          for (let l = 0; l < k; l++) {
            let w = weight[j * k + l]
            for (let r = 0; r < rank && j < 8; r++) w += 0.5 * b[j * rank + r] * a[r * k + l]
            y[i * n + j] += x[i * k + l] * w
          }
        }
      return y
    },
    samples: 8,
    tolerance: 1e-3,
    gradientTolerance: 2e-3,
  })
})

test('attention reads rounded q, k, v and positions, and its gradient', async () => {
  const c: AttentionCase = { batch: 1, height: 6, width: 5, window: 4, heads: 2, head: 8, relative: true }
  const { sideH, sideW, tokens, padded, channels } = sizes(c)
  const map = windowMap(engine, { batch: 1, height: c.height, width: c.width, window: c.window })
  await checkOp({
    inputs: {
      qkv: { shape: [tokens + (padded ? 1 : 0), 3 * channels], grad: true },
      h: { shape: [2 * sideH - 1, c.head] },
      w: { shape: [2 * sideW - 1, c.head] },
    },
    build: (g, { qkv, h, w }) => {
      const y = attention(g, qkv, { heads: c.heads, map, relPos: { h, w } })
      assert.is(g.dispatches.filter(({ entry }) => entry === 'round_operand').length, 3, 'both tables and qkv')
      return y
    },
    reference: (inputs) => attentionReference(c, inputs),
    samples: 24,
    tolerance: 1e-3,
    gradientTolerance: 3e-3,
  })
})

test.run()
