/** Classes of matrix products and their kernel variants; split-k products against float64, at odd sizes, repeatable to the bit. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type MatmulVariant,
  MATMUL_VARIANTS,
  matmulVariantsFor,
  allMatmuls,
  matmulVariantsText,
  canRun,
} from '../../../engine/device/kernel-variants'
import { LAYOUTS, type Layout, MATMUL_CLASSES, matmulClass } from '../../../engine/device/matmul-class'
import { Graph } from '../../../engine/graph/graph'
import { gemm } from '../../../engine/ops/gemm'
import { splitRanges } from '../../../engine/ops/gemm-split'
import { linear } from '../../../engine/ops/linear'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { capabilities, withMatrixUnits } from '../../support/kernel-capabilities'
import { randomArray, relativeError } from '../../support/random'

const usual = engine.variants
test.after.each(() => void (engine.variants = usual))
const SPLIT = MATMUL_VARIANTS.filter((variant) => variant.endsWith('-split') && canRun(variant, engine))

test('the class of a product is its layout and the dimension that its shape lacks', () => {
  for (const [layout, m, n, k, expected] of [
    ['nt', 8192, 3072, 768, 'nt large'],
    ['nn', 8192, 65, 768, 'nn large'],
    ['nn', 8192, 64, 768, 'nn narrow'],
    ['nt', 1, 4096, 32, 'nt narrow'],
    // gradients of LoRA on ViT-B, rank 4 and 512; gradients of whole matrices, of too few tokens to be deep and of enough
    ['tn', 768, 4, 8192, 'tn deep'],
    ['tn', 1024, 768, 8192, 'tn deep'],
    ['tn', 3072, 768, 4096, 'tn large'],
    ['tn', 768, 768, 3072, 'tn deep'],
    ['tn', 768, 768, 3071, 'tn large'],
    // too short to be worth two passes
    ['tn', 16, 16, 1023, 'tn narrow'],
    ['tn', 16, 16, 1024, 'tn deep'],
    ['nn', 4, 32, 65536, 'nn deep'],
  ] as [Layout, number, number, number, string][])
    assert.is(matmulClass(layout, m, n, k), expected, `${layout} ${m}x${n}x${k}`)
  assert.is(new Set(MATMUL_CLASSES).size, 9)
})

test('a class has the variants that make a difference to it and that the device runs', () => {
  assert.equal(matmulVariantsFor('tn large', capabilities()), ['shared', 'shared-small', 'shared-large', 'direct'])
  assert.equal(matmulVariantsFor('nt large', capabilities({ subgroupSize: 8 })), [
    'shared',
    'shared-small',
    'shared-large',
    'direct',
    'transposed',
    'subgroup',
  ])
  assert.equal(matmulVariantsFor('tn deep', capabilities({ subgroupSize: 4 })), [
    'shared',
    'shared-small',
    'shared-large',
    'direct',
    'shared-split',
    'direct-split',
  ])
  assert.equal(matmulVariantsFor('nn narrow', withMatrixUnits({ precision: 'high' })), [...MATMUL_VARIANTS])
  const exact = matmulVariantsFor('nn narrow', withMatrixUnits())
  assert.equal(
    exact,
    MATMUL_VARIANTS.filter((variant) => variant !== 'matrix'),
  )
  assert.equal(
    matmulVariantsFor('nn narrow', capabilities({ subgroupSize: 32, precision: 'high' })),
    exact.slice(0, -1),
  )
  assert.is(matmulVariantsText(allMatmuls('direct')), 'direct')
  const mixed = allMatmuls('shared', { 'tn deep': 'shared-split', 'nt deep': 'direct' })
  assert.is(matmulVariantsText(mixed), 'shared; nt deep: direct; tn deep: shared-split')
})

test('products with more rows than tiles fit into a grid are computed in parts, with all epilogues', async () => {
  const [n, k, rank] = [4, 4, 4]
  const [m, edge] = [65536 * 16 + 21, 65472 * 16]
  const variant = canRun('subgroup', engine) ? 'subgroup' : 'direct'
  engine.variants = { ...usual, matmul: allMatmuls(variant) }
  const g = new Graph(engine)
  const shapes = { a: [m, k], b: [n, k], bias: [n], residual: [m, n], left: [m, rank], right: [n, rank] }
  const inputs = Object.entries(shapes).map(([name, shape], i) => {
    const tensor = g.input(name, shape)
    return { tensor, values: randomArray(i + 1, tensor.size) }
  })
  const [a, b, bias, residual, left, right] = inputs.map(({ tensor }) => tensor)
  const c = g.keep(g.tensor('C', [m, n]))
  const rows = (tensor: typeof a) => ({ tensor, stride: 4 })
  const lora = { left, right, rank, scale: 0.5, extensions: [{ start: 0, end: n, column: 0, offset: 0 }] }
  gemm(g, { layout: 'nt', m, n, k, a: rows(a), b: rows(b), c: rows(c), bias, residual, lora })
  if (variant === 'subgroup') assert.is(g.dispatches.length, 2)
  const program = await g.compile()
  program.poison()
  for (const { tensor, values } of inputs) program.write(tensor, values)
  program.run()
  const got = await program.read(c)
  program.destroy()
  const [av, bv, biasv, residualv, leftv, rightv] = inputs.map(({ values }) => values)
  const expected = new Float64Array(got.length)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = biasv[j] + residualv[i * n + j]
      for (let l = 0; l < k; l++) sum += av[i * k + l] * bv[j * k + l]
      for (let r = 0; r < rank; r++) sum += 0.5 * leftv[i * rank + r] * rightv[j * rank + r]
      expected[i * n + j] = sum
    }
  for (const [from, to] of [
    [0, edge],
    [edge, m],
  ])
    assert.ok(relativeError(got.subarray(from * n, to * n), expected.subarray(from * n, to * n)) < 1e-6)
})

test('ranges of k: enough workgroups, none too short, little rest, and only if the second pass supports the epilogue', () => {
  const tensor = new Graph(engine).tensor('any', [1])
  const x = { tensor, stride: 1 }
  const ranges = (layout: Layout, m: number, n: number, k: number, more = {}) => {
    const found = splitRanges({ layout, m, n, k, a: x, b: x, c: x, ...more })
    return found && [found.count, found.terms, found.rest]
  }
  // 12 tiles: 42 ranges give 512 workgroups, 32 leave no rest; the windows' padding row always leaves some
  assert.equal(ranges('tn', 768, 4, 8192), [32, 256, 0])
  assert.equal(ranges('tn', 768, 4, 8193), [42, 195, 3])
  assert.equal(ranges('tn', 768, 4, 1024), [8, 128, 0], 'no range below 128 terms')
  assert.equal(ranges('tn', 768, 4, 8192, { batches: 10 }), [4, 2048, 0])
  assert.equal(ranges('tn', 16, 16, 65536), [128, 512, 0], 'no more than one invocation can add')
  assert.equal(ranges('tn', 1024, 768, 8191), [2, 4095, 1])
  assert.is(ranges('tn', 1024, 1088, 8192), null, '272 tiles are enough')
  assert.is(ranges('tn', 1, 1, 255), null)
  assert.equal(ranges('tn', 1, 1, 257), [2, 128, 1])
  assert.equal(ranges('nt', 1, 1, 259), [2, 128, 3], 'whole vectors along a row')
  assert.equal(ranges('nt', 1024, 256, 2048, { bias: tensor, residual: tensor }), [8, 256, 0])
  for (const more of [{ pre: tensor }, { heads: 2 }, { activation: 'relu' }, { lora: { rank: 1 } }])
    assert.is(ranges('tn', 768, 4, 8192, more), null, Object.keys(more)[0])
})

/** alpha · A·B + extra for each batch, in float64; the operands are stored as `layout` says. */
function reference(
  o: Case,
  a: Float32Array,
  b: Float32Array,
  extra: (at: number, column: number) => number,
): Float64Array {
  const { layout, m, n, k, batches } = o
  const y = new Float64Array(batches * m * n)
  for (let e = 0; e < batches; e++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let l = 0; l < k; l++)
          sum +=
            a[e * m * k + (layout === 'tn' ? l * m + i : i * k + l)] *
            b[e * n * k + (layout === 'nt' ? j * k + l : l * n + j)]
        const at = (e * m + i) * n + j
        y[at] = ALPHA * sum + extra(at, j)
      }
  return y
}

const ALPHA = 0.75
interface Case {
  layout: Layout
  m: number
  n: number
  k: number
  batches: number
  accumulate: 0 | 1
  /** True: with bias and residual. */
  more: boolean
}

/** Runs the same program twice with poisoned memory. Returns C with the surrounding memory, of both runs. */
async function run(
  variant: MatmulVariant,
  o: Case,
): Promise<{ c: Float32Array; again: Float32Array; entries: string[] }> {
  engine.variants = { ...usual, matmul: allMatmuls(variant) }
  const { layout, m, n, k, batches, accumulate, more } = o
  const g = new Graph(engine)
  const a = g.input('A', layout === 'tn' ? [batches * k, m] : [batches * m, k])
  const b = g.input('B', layout === 'nt' ? [batches * n, k] : [batches * k, n])
  // one more row on either side, and at least one more column, that must stay unchanged
  const width = n + (n % 4 ? 1 : 4)
  const c = g.input('C', [batches * m + 2, width])
  const part = (tensor: typeof a) => ({ tensor, stride: tensor.columns, batch: tensor.size / batches })
  const target = { tensor: c, stride: width, offset: width, batch: m * width }
  const bias = more ? g.input('bias', [n]) : null
  const residual = more ? g.input('residual', c.shape) : null
  const operands = { a: part(a), b: part(b), c: target, bias, residual }
  gemm(g, { layout, m, n, k, batches, ...operands, alpha: ALPHA, accumulate })
  const program = await g.compile()
  const results: Float32Array[] = []
  for (let i = 0; i < 2; i++) {
    program.poison()
    program.write(a, randomArray(1, a.size))
    program.write(b, randomArray(2, b.size))
    program.write(c, randomArray(3, c.size))
    if (bias) program.write(bias, randomArray(4, n))
    if (residual) program.write(residual, randomArray(5, c.size))
    program.run()
    results.push(await program.read(c))
  }
  program.destroy()
  return { c: results[0], again: results[1], entries: g.dispatches.map(({ entry }) => entry) }
}

test('a product split over k equals the float64 product, writes nothing else, and repeats bit for bit', async () => {
  const sizes = [
    [1, 1, 1031],
    [3, 65, 1027],
    [65, 3, 2050],
    [68, 8, 1201],
    [4, 32, 1024],
  ]
  let cases = 0
  for (const variant of SPLIT)
    for (const layout of LAYOUTS)
      for (const [i, [m, n, k]] of sizes.entries()) {
        const o: Case = {
          layout,
          m,
          n,
          k,
          batches: i % 2 ? 2 : 1,
          accumulate: (cases % 2) as 0 | 1,
          more: cases % 3 === 0,
        }
        cases++
        const name = `${variant} ${JSON.stringify(o)}`
        const { c, again, entries } = await run(variant, o)
        assert.is(entries.at(-1), 'split_sum', name)
        const rest = k === 1024 ? 0 : 1
        assert.is(entries.length, 2 + rest, `${name}: what ranges leave is one more: ${entries}`)
        assert.equal(Buffer.from(c.buffer), Buffer.from(again.buffer), `${name}: two runs`)

        const width = n + (n % 4 ? 1 : 4)
        const [old, bias, residual] = [randomArray(3, c.length), randomArray(4, n), randomArray(5, c.length)]
        const inside = (at: number) => at >= width && at < c.length - width && at % width < n
        c.forEach((v, at) => inside(at) || assert.is(v, old[at], `${name}: element ${at} is not of C`))
        const of = (values: Float32Array) => values.filter((_, at) => inside(at))
        const [before, added] = [of(old), of(residual)]
        const extra = (at: number, column: number) =>
          (o.more ? bias[column] + added[at] : 0) + (o.accumulate ? before[at] : 0)
        const [a, b] = [randomArray(1, o.batches * m * k), randomArray(2, o.batches * n * k)]
        const error = relativeError(of(c), reference(o, a, b, extra))
        assert.ok(error < 1e-6, `${name}: ${error}`)
      }
})

test('gradients of LoRA and of the weight and the bias, through split products', async () => {
  const [m, n, k, rank] = [1030, 12, 5, 3]
  const ranges = [
    { start: 0, end: 5 },
    { start: 8, end: 12 },
  ]
  for (const variant of SPLIT) {
    engine.variants = { ...usual, matmul: allMatmuls(variant) }
    let recorded: Graph
    await checkOp({
      inputs: {
        x: { shape: [m, k], grad: true },
        weight: { shape: [n, k], grad: true },
        bias: { shape: [n], grad: true },
        a: { shape: [2 * rank, k], grad: true },
        b: { shape: [9, rank], grad: true },
      },
      build: (g, { x, weight, bias, a, b }) => {
        recorded = g
        return linear(g, x, { weight, bias, lora: { rank, scale: 0.5, a, b, ranges } })
      },
      reference: ({ x, weight, bias, a, b }) => {
        const y = new Float64Array(m * n)
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            y[i * n + j] = bias[j]
            for (let l = 0; l < k; l++) y[i * n + j] += x[i * k + l] * weight[j * k + l]
          }
          let row = 0
          ranges.forEach(({ start, end }, target) => {
            for (let j = start; j < end; j++, row++)
              for (let r = 0; r < rank; r++)
                for (let l = 0; l < k; l++)
                  y[i * n + j] += 0.5 * b[row * rank + r] * a[(target * rank + r) * k + l] * x[i * k + l]
          })
        }
        return y
      },
      samples: 6,
    })
    assert.is(recorded!.dispatches.filter(({ entry }) => entry === 'split_sum').length, 5, 'two dB, dA, dW, db')
  }
})

test.run()
