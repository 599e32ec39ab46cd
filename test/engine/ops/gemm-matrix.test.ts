/**
 * Matrix products on matrix units, emulated: against float64 in all layouts, with all epilogues, at sizes that fill no block,
 * and for operands far from 1; gradients in the middle of a graph; which products run on them; the real text on Dawn.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Engine } from '../../../engine/device/engine'
import { allMatmuls } from '../../../engine/device/kernel-variants'
import { LAYOUTS, type Layout } from '../../../engine/device/matmul-class'
import type { Tensor } from '../../../engine/device/tensor'
import { Graph } from '../../../engine/graph/graph'
import { gemm } from '../../../engine/ops/gemm'
import { fitsMatrix, type MatrixVariant } from '../../../engine/ops/gemm-matrix'
import type { Gemm, LoraTerm } from '../../../engine/ops/gemm-types'
import { layerNorm } from '../../../engine/ops/layernorm'
import { linear } from '../../../engine/ops/linear'
import { add, scale } from '../../../engine/ops/pointwise'
import { takeColumns } from '../../../engine/ops/rows'
import half from '../../../shaders/gemm-matrix.wgsl'
import split3 from '../../../shaders/gemm-matrix-split3.wgsl'
import { checkOp } from '../../support/check-op'
import { openEmulatedEngine } from '../../support/emulate-matrix-units'
import { testNeeding } from '../../support/needs'
import { compileForMatrixUnits, openNullEngine } from '../../support/null-engine'
import { randomArray, relativeError } from '../../support/random'

const found = await openEmulatedEngine('high')
const testF16 = testNeeding('f16', found ? null : 'this adapter has no f16')
const engine = found as Engine
const useAlways = (variant: MatrixVariant) =>
  (engine.variants = { ...engine.variants, matmul: allMatmuls(variant), matrixWork: 0 })

/** Largest relative errors: of operands rounded to 11 bits, and of f32 sums of products of 22 bits. */
const TOLERANCE = { matrix: 6e-4, 'matrix-split3': 1e-6 } as const
const VARIANTS = Object.keys(TOLERANCE) as MatrixVariant[]

interface Case {
  layout: Layout
  m: number
  n: number
  k: number
  batches?: number
  /** Factors of the values of A and of B. */
  scale?: [number, number]
  alpha?: number
  bias?: boolean
  activation?: 'gelu' | 'relu'
  residual?: boolean
  pre?: boolean
  accumulate?: 0 | 1
  lora?: { rank: number; scale: number; end: number; left: number }
}

/** exp(-x²) integrated by Simpson's rule: GELU by its definition. */
const gelu = (x: number) => {
  const [steps, h] = [400, x / Math.SQRT2 / 400]
  let sum = 0
  for (let i = 0; i <= steps; i++) sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2))
  return (x / 2) * (1 + (2 / Math.sqrt(Math.PI)) * ((sum * h) / 3))
}
const ACTIVATE = { gelu, relu: (x: number) => Math.max(0, x), none: (x: number) => x }

/** Runs a product twice with poisoned memory; checks C, what is kept before the activation, and the memory around C. */
async function check(variant: MatrixVariant, o: Case): Promise<Graph> {
  const name = `${variant} ${JSON.stringify(o)}`
  const { layout, m, n, k, batches = 1, scale = [1, 1], alpha = 1, activation = 'none', accumulate = 0 } = o
  useAlways(variant)
  const g = new Graph(engine)
  const inputs: [Tensor, Float32Array][] = []
  const input = (label: string, shape: number[], factor = 1) => {
    const tensor = g.input(label, shape)
    const values = randomArray(inputs.length + 1, tensor.size, factor)
    inputs.push([tensor, values])
    return { tensor, values }
  }
  // A and B begin in the middle of their tensors, and C has a row around it and four columns more
  const a = input('A', layout === 'tn' ? [batches * k + 1, m + 8] : [batches * m + 1, k + 8], scale[0])
  const b = input('B', layout === 'nt' ? [batches * n + 1, k] : [batches * k + 1, n], scale[1])
  const c = input('C', [batches * m + 2, n + 4])
  const bias = o.bias ? input('bias', [n]) : null
  const residual = o.residual ? input('residual', c.tensor.shape as number[]) : null
  const pre = o.pre ? g.keep(g.tensor('pre', c.tensor.shape)) : null
  const { rank = 0, end = 0 } = o.lora ?? {}
  const left = o.lora ? input('left', [m, rank + 4], o.lora.left) : null
  const right = o.lora ? input('right', layout === 'nt' ? [end, rank] : [rank, n], 0.5) : null
  const lora: LoraTerm | null = o.lora
    ? {
        left: left!.tensor,
        right: right!.tensor,
        rank,
        scale: o.lora.scale,
        extensions: [{ start: 0, end, column: 4, offset: 0 }],
      }
    : null
  const [lines, along] = layout === 'tn' ? [k, m + 8] : [m, k + 8]
  const [bLines, bAlong] = layout === 'nt' ? [n, k] : [k, n]
  gemm(g, {
    layout,
    m,
    n,
    k,
    batches,
    a: { tensor: a.tensor, stride: along, offset: along + 4, batch: lines * along },
    b: { tensor: b.tensor, stride: bAlong, offset: bAlong, batch: bLines * bAlong },
    c: { tensor: c.tensor, stride: n + 4, offset: n + 4, batch: m * (n + 4) },
    alpha,
    bias: bias?.tensor,
    activation,
    residual: residual?.tensor,
    pre,
    accumulate,
    lora,
  })
  const program = await g.compile()
  const results: Float32Array[] = []
  let before: Float32Array = new Float32Array(0)
  for (let i = 0; i < 2; i++) {
    program.poison()
    for (const [tensor, values] of inputs) program.write(tensor, values)
    program.run()
    results.push(await program.read(c.tensor))
    if (pre) before = await program.read(pre)
  }
  program.destroy()
  assert.equal(Buffer.from(results[0].buffer), Buffer.from(results[1].buffer), `${name}: two runs`)

  const old = c.values
  const inside = (at: number) => at >= n + 4 && at < old.length - n - 4 && at % (n + 4) < n
  results[0].forEach((v, at) => inside(at) || assert.is(v, old[at], `${name}: element ${at} is not of C`))
  const [sums, outputs, sumsGot, got]: number[][] = [[], [], [], []]
  for (let e = 0; e < batches; e++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let l = 0; l < k; l++) {
          const [row, column] = layout === 'tn' ? [l, i] : [i, l]
          const [bRow, bColumn] = layout === 'nt' ? [j, l] : [l, j]
          sum +=
            a.values[(e * lines + row + 1) * along + 4 + column] * b.values[(e * bLines + bRow + 1) * bAlong + bColumn]
        }
        sum *= alpha
        if (o.lora && (layout === 'nn' || j < end))
          for (let r = 0; r < rank; r++)
            sum +=
              o.lora.scale *
              left!.values[i * (rank + 4) + 4 + r] *
              right!.values[layout === 'nt' ? j * rank + r : r * n + j]
        const at = (e * m + i + 1) * (n + 4) + j
        sum += bias ? bias.values[j] : 0
        sums.push(sum)
        outputs.push(ACTIVATE[activation](sum) + (residual ? residual.values[at] : 0) + (accumulate ? old[at] : 0))
        sumsGot.push(before[at])
        got.push(results[0][at])
      }
  const error = relativeError(got, outputs)
  assert.ok(error < TOLERANCE[variant], `${name}: ${error}`)
  if (pre) assert.ok(relativeError(sumsGot, sums) < TOLERANCE[variant], `${name}: before the activation`)
  return g
}

const entriesOf = (g: Graph) => g.dispatches.map(({ entry }) => entry)

for (const variant of VARIANTS) {
  const entry = variant.replace('-', '_')

  testF16(`${variant}: products of several blocks, ragged in all directions, with each epilogue`, async () => {
    const sizes = { m: 133, n: 140, k: 76 }
    const nt = await check(variant, {
      layout: 'nt',
      ...sizes,
      bias: true,
      activation: 'gelu',
      pre: true,
      residual: true,
    })
    assert.equal(entriesOf(nt), ['find_largest', 'find_largest', 'find_scales', entry])
    await check(variant, { layout: 'nn', ...sizes, alpha: 0.75, accumulate: 1, activation: 'relu' })
    await check(variant, { layout: 'tn', m: 132, n: 20, k: 67, batches: 2, alpha: -1.5, residual: true })
  })

  testF16(`${variant}: the LoRA term, of a range of columns or of all, from much smaller to much larger`, async () => {
    for (const left of [1e-6, 1, 1e6])
      await check(variant, {
        layout: 'nt',
        m: 20,
        n: 136,
        k: 40,
        lora: { rank: 36, scale: 0.3, end: 132, left },
        bias: left === 1,
      })
    await check(variant, { layout: 'nn', m: 68, n: 24, k: 36, lora: { rank: 8, scale: 2, end: 24, left: 1 } })
    // B of an untrained adapter is zero, and so is dt then
    await check(variant, { layout: 'nt', m: 20, n: 24, k: 40, lora: { rank: 4, scale: 1, end: 12, left: 0 } })
  })

  testF16(`${variant}: values far beyond the range of f16 keep their accuracy`, async () => {
    for (const scale of [
      [1e-12, 1e4],
      [1e30, 1e-30],
      [3e-20, 2e-10],
    ] as [number, number][])
      await check(variant, { layout: 'nn', m: 20, n: 24, k: 36, scale })
  })

  testF16(`${variant}: long sums of few outputs are split`, async () => {
    const g = await check(variant, { layout: 'tn', m: 20, n: 36, k: 1040, accumulate: 1, alpha: 0.5 })
    assert.equal(entriesOf(g).slice(-2), [entry, 'split_sum'])
    assert.is(entriesOf(g).filter((one) => one === 'find_largest').length, 2, 'of all ranges together')
  })

  testF16(`${variant}: a number that is none shows in the product`, async () => {
    useAlways(variant)
    const g = new Graph(engine)
    const [a, b] = [g.input('a', [16, 32]), g.input('b', [8, 32])]
    const c = g.keep(g.tensor('c', [16, 8]))
    gemm(g, {
      layout: 'nt',
      m: 16,
      n: 8,
      k: 32,
      a: { tensor: a, stride: 32 },
      b: { tensor: b, stride: 32 },
      c: { tensor: c, stride: 8 },
    })
    const program = await g.compile()
    for (const wrong of [NaN, Infinity, -Infinity]) {
      const values = randomArray(1, a.size)
      values[3 * 32 + 7] = wrong
      program.write(a, values)
      program.write(b, randomArray(2, b.size))
      program.run()
      const row = (await program.read(c)).slice(24, 32)
      assert.ok(
        row.every((v) => !Number.isFinite(v)),
        `${wrong}: ${row}`,
      )
    }
    program.destroy()
  })

  testF16(`${variant}: gradients of a layer with LoRA, bias and GELU, in the middle of a graph`, async () => {
    const [m, n, k, rank] = [36, 24, 20, 4]
    const ranges = [
      { start: 0, end: 8 },
      { start: 16, end: 24 },
    ]
    useAlways(variant)
    let recorded: Graph
    const exact = variant === 'matrix-split3'
    await checkOp({
      engine,
      inputs: {
        x: { shape: [m, k], grad: true },
        weight: { shape: [n, k], grad: true },
        bias: { shape: [n], grad: true },
        a: { shape: [2 * rank, k], grad: true },
        b: { shape: [16, rank], grad: true },
        residual: { shape: [m, n], grad: true },
      },
      build: (g, { x, weight, bias, a, b, residual }) => {
        recorded = g
        const lora = { rank, scale: 0.5, a, b, ranges }
        return linear(g, x, { weight, bias, lora }, { activation: 'gelu', residual })
      },
      reference: ({ x, weight, bias, a, b, residual }) => {
        const y = new Float64Array(m * n)
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = bias[j]
            const target = ranges.findIndex(({ start, end }) => j >= start && j < end)
            for (let l = 0; l < k; l++) {
              let w = weight[j * k + l]
              if (target >= 0)
                for (let r = 0; r < rank; r++)
                  w += 0.5 * b[(target * 8 + j - ranges[target].start) * rank + r] * a[(target * rank + r) * k + l]
              sum += x[i * k + l] * w
            }
            y[i * n + j] = gelu(sum) + residual[i * n + j]
          }
        return y
      },
      samples: 5,
      tolerance: exact ? 2e-6 : 1e-3,
      gradientTolerance: exact ? 1e-5 : 2e-3,
    })
    const passes = entriesOf(recorded!)
    assert.is(passes.filter((one) => one === entry).length, 9, 'all products but the sum of the bias gradient')
    // x, A, weight, B forward; dy, d(x Aᵀ) backward: products with parts of them use what was found for the whole, and x Aᵀ is
    // measured where it is stored
    assert.is(passes.filter((one) => one === 'find_largest').length, 6, 'operands are read once for all products')
  })
}

/** Two layers with a GELU between them, and what is recorded for them. */
async function mlp(variant: MatrixVariant, use: 'once' | 'twice' | 'reshaped' | 'recomputed' | 'large' | 'odd') {
  const [m, n, k] = use === 'large' ? [128, 32, 8] : use === 'odd' ? [147, 28, 8] : [36, 40, 20]
  useAlways(variant)
  let recorded: Graph
  const exact = variant === 'matrix-split3'
  await checkOp({
    engine,
    inputs: {
      x: { shape: [m, k], grad: true },
      w1: { shape: [n, k], grad: true },
      w2: { shape: [k, n], grad: true },
    },
    build: (g, { x, w1, w2 }) => {
      recorded = g
      const [hidden] = g.segment('first', () => [linear(g, x, { weight: w1 }, { activation: 'gelu' })])
      if (use === 'reshaped') return linear(g, hidden.reshape(4, m / 4, n), { weight: w2 })
      const y = linear(g, hidden, { weight: w2 })
      return use !== 'twice' ? y : linear(g, hidden, { weight: w2 }, { residual: addScale(g, y, hidden) })
    },
    reference: ({ x, w1, w2 }) => {
      const y = new Float64Array(m * k)
      for (let i = 0; i < m; i++) {
        const hidden = Array.from({ length: n }, (_, j) => {
          let sum = 0
          for (let l = 0; l < k; l++) sum += x[i * k + l] * w1[j * k + l]
          return gelu(sum)
        })
        for (let l = 0; l < k; l++) {
          let sum = 0
          for (let j = 0; j < n; j++) sum += hidden[j] * w2[l * n + j]
          y[i * k + l] = use === 'twice' ? 2 * sum + 0.5 * hidden[l] : sum
        }
      }
      return y
    },
    samples: 5,
    tolerance: exact ? 2e-6 : 1e-3,
    gradientTolerance: exact ? 1e-5 : 2e-3,
    memory: { recompute: () => use === 'recomputed' },
  })
  return recorded!
}

/** y (m, k) + half of the first k columns of x (m, n): another use of x. */
const addScale = (g: Graph, y: Tensor, x: Tensor) => add(g, y, scale(g, takeColumns(g, x, 0, y.columns), 0.5))

for (const variant of VARIANTS)
  testF16(
    `${variant}: the product that makes a GELU's gradient multiplies by the slope, and finds its magnitude`,
    async () => {
      for (const use of ['once', 'reshaped'] as const) {
        const entries = entriesOf(await mlp(variant, use))
        assert.not(entries.includes('activate_backward'), entries.join(' '))
        // x, w1, hidden, w2 forward; dy backward: the gradient before the GELU is measured where it is stored
        assert.is(entries.filter((one) => one === 'find_largest').length, 5, entries.join(' '))
      }
      // contributions of other operations to the same gradient are added; into a segment that is recomputed, only its output's leads
      for (const use of ['twice', 'recomputed'] as const) {
        const entries = entriesOf(await mlp(variant, use))
        assert.is(entries.filter((one) => one === 'activate_backward').length, 1, `${use}: ${entries.join(' ')}`)
      }
    },
  )

testF16(
  'in precision high the input of a GELU is kept as f16, and expanded for kernels that do not read it',
  async () => {
    const f16 = (g: Graph) =>
      g.dispatches.filter(
        ({ entry, bindings }) => entry !== 'find_scales' && bindings.some(({ tensor }) => tensor.storage.f16),
      ).length
    assert.is(f16(await mlp('matrix', 'once')), 0, 'too small')
    assert.is(f16(await mlp('matrix-split3', 'large')), 0, 'it would lose bits')
    assert.is(f16(await mlp('matrix', 'odd')), 0, 'eight at a time do not fit')
    const large = await mlp('matrix', 'large')
    assert.is(f16(large), 2, 'the product that writes it and the one that multiplies by the slope')
    // x, w1, w2 forward, dy backward: what is read by the second layer is measured where it is stored, behind the f16
    assert.is(entriesOf(large).filter((one) => one === 'find_largest').length, 4, entriesOf(large).join(' '))
    useAlways('matrix')
    const g = new Graph(engine, true)
    const [x, w1] = [g.input('x', [128, 64]), g.input('w1', [64, 64])]
    x.requiresGrad = true
    const y = linear(g, x, { weight: w1 }, { activation: 'gelu' })
    const up = g.input('up', [128, 64])
    g.keep(y)
    g.backward(y, up)
    const dx = g.keep(g.gradientOf(x)!)
    assert.is(f16(g), 2, 'written by the product, read where it is expanded')
    const program = await g.compile()
    program.poison()
    const values = [x, w1, up].map((tensor, i) => randomArray(7 + i, tensor.size, i === 1 ? 0.3 : 1))
    ;[x, w1, up].forEach((tensor, i) => program.write(tensor, values[i]))
    program.run()
    const got = await program.read(dx)
    program.destroy()
    const [xs, ws, ups] = values
    const expected = new Float64Array(got.length)
    const slope = (z: number) => (gelu(z + 1e-4) - gelu(z - 1e-4)) / 2e-4
    for (let i = 0; i < 128; i++)
      for (let j = 0; j < 64; j++) {
        let z = 0
        for (let l = 0; l < 64; l++) z += xs[i * 64 + l] * ws[j * 64 + l]
        const d = slope(z) * ups[i * 64 + j]
        for (let l = 0; l < 64; l++) expected[i * 64 + l] += d * ws[j * 64 + l]
      }
    const error = relativeError(got, expected)
    assert.ok(error < 1e-3 && error > 1e-5, `${error}`)
  },
)

for (const variant of VARIANTS)
  testF16(`${variant}: LayerNorm stores the magnitudes of what products read, forward and backward`, async () => {
    const [m, n, k] = [36, 24, 20]
    useAlways(variant)
    let recorded: Graph
    const exact = variant === 'matrix-split3'
    const eps = 1e-6
    await checkOp({
      engine,
      inputs: {
        x: { shape: [m, k], grad: true },
        w1: { shape: [n, k], grad: true },
        // beyond f16's range, were they not scaled
        gamma: { shape: [n], data: randomArray(3, n, 3e6) },
        beta: { shape: [n], data: randomArray(4, n, 3e5) },
        w2: { shape: [k, n], grad: true },
      },
      build: (g, { x, w1, gamma, beta, w2 }) => {
        recorded = g
        const y = layerNorm(g, linear(g, x, { weight: w1 }), gamma, beta, { eps, padRow: 'beta' })
        return linear(g, y, { weight: w2 })
      },
      reference: ({ x, w1, gamma, beta, w2 }) => {
        const y = new Float64Array((m + 1) * k)
        for (let i = 0; i <= m; i++) {
          const row = Array.from({ length: n }, (_, j) => {
            let sum = 0
            for (let l = 0; l < k && i < m; l++) sum += x[i * k + l] * w1[j * k + l]
            return sum
          })
          const mean = row.reduce((a, b) => a + b) / n
          const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / n
          for (let l = 0; l < k; l++)
            row.forEach((v, j) => {
              y[i * k + l] += (((v - mean) / Math.sqrt(variance + eps)) * gamma[j] + beta[j]) * w2[l * n + j]
            })
        }
        return y
      },
      samples: 5,
      tolerance: exact ? 3e-6 : 2e-3,
      gradientTolerance: exact ? 2e-5 : 4e-3,
    })
    // x, w1, w2 forward, dy backward
    const passes = entriesOf(recorded!).filter((one) => one === 'find_largest')
    assert.is(passes.length, 4, entriesOf(recorded!).join(' '))
  })

testF16('f32 accuracy holds for long sums', async () => {
  useAlways('matrix-split3')
  await check('matrix-split3', { layout: 'nt', m: 12, n: 8, k: 4096, activation: 'relu' })
})

testF16('products that are small, narrow or not aligned stay with the f32 kernels', async () => {
  const tensor = new Graph(engine).tensor('any', [4])
  const x = { tensor, stride: 4 }
  const fits = (m: number, n: number, k: number, more: Partial<Gemm> = {}) =>
    fitsMatrix(engine, { layout: 'nt', m, n, k, a: x, b: x, c: x, ...more }, 'matrix')
  engine.variants = { ...engine.variants, matrixWork: undefined }
  assert.ok(fits(8192, 768, 768))
  assert.ok(fits(1024, 768, 1024))
  assert.not(fits(1024, 768, 512), 'less than 2^29 multiply-adds')
  assert.ok(fits(1024, 768, 512, { batches: 2 }))
  assert.not(fits(65536, 32, 1024), 'a quarter of a block')
  assert.not(fits(8192, 768, 766))
  assert.not(fits(8192, 766, 768))
  assert.not(fits(8192, 768, 768, { a: { ...x, offset: 2 } }))
  assert.ok(fits(8191, 768, 768))
  assert.not(fits(8191, 768, 768, { layout: 'tn' }))
  useAlways('matrix')
  assert.ok(fits(4, 4, 4))
  const g = new Graph(engine)
  gemm(g, {
    layout: 'nt',
    m: 8,
    n: 3,
    k: 4,
    a: { tensor: g.input('a', [8, 4]), stride: 4 },
    b: { tensor: g.input('b', [3, 4]), stride: 4 },
    c: { tensor: g.tensor('c', [8, 3]), stride: 3 },
  })
  assert.equal(entriesOf(g), ['shared_nt'])
})

test('Dawn compiles the kernels as they are, for all layouts, in the workgroup memory that is claimed for them', async () => {
  const device = await openNullEngine()
  test.after(() => device.destroy())
  for (const [shader, entry, bytes] of [
    [half, 'matrix', 30720],
    [split3, 'matrix_split3', 43008],
  ] as const)
    for (const layout of LAYOUTS) {
      const constants = { a_along_k: layout === 'tn' ? 0 : 1, b_along_k: layout === 'nt' ? 1 : 0 }
      await compileForMatrixUnits(device, shader, entry, constants, bytes)
      let message = ''
      const claimed = compileForMatrixUnits(device, shader, entry, constants, bytes - 1)
      await claimed.catch((error: Error) => (message = error.message))
      assert.match(message, `${bytes} bytes`)
    }
})

test.after(() => found?.destroy())
test.run()
