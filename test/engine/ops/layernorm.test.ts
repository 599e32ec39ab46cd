import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { type LayerNormOptions, layerNorm } from '../../../engine/ops/layernorm'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { gelu } from '../../support/reference'

type Arrays = Record<'x' | 'gamma' | 'beta', Float64Array>

function reference({ x, gamma, beta }: Arrays, { eps, padRow, activation }: LayerNormOptions): number[] {
  const c = gamma.length
  const y: number[] = []
  for (let start = 0; start < x.length; start += c) {
    const row = x.subarray(start, start + c)
    const mean = row.reduce((a, b) => a + b) / c
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / c
    row.forEach((v, i) => y.push(((v - mean) / Math.sqrt(variance + eps)) * gamma[i] + beta[i]))
  }
  if (padRow) for (let i = 0; i < c; i++) y.push(padRow === 'beta' ? beta[i] : 0)
  return activation === 'gelu' ? y.map(gelu) : y
}

const check = (
  rows: number,
  c: number,
  options: LayerNormOptions,
  [gamma, beta, x = true]: readonly boolean[] = [true, true],
) =>
  checkOp({
    inputs: {
      x: { shape: [rows, c], grad: x },
      gamma: { shape: [c], grad: gamma },
      beta: { shape: [c], grad: beta },
    },
    build: (g, { x, gamma, beta }) => layerNorm(g, x, gamma, beta, options),
    reference: (arrays) => reference(arrays, options),
    epsilon: 1e-5,
    gradientTolerance: 2e-5,
  })

test('forward and gradients, from 4 to 1280 columns', async () => {
  for (const [rows, c] of [
    [1, 4],
    [150, 16],
    [33, 64],
    [70, 100],
    [9, 256],
    [35, 260],
    [3, 1280],
  ])
    await check(rows, c, { eps: 1e-6 })
})

test('frozen weights, and one that trains without the other', async () => {
  for (const wanted of [
    [false, false],
    [true, false],
    [false, true],
    [true, true, false],
  ])
    await check(13, 32, { eps: 1e-5 }, wanted)
})

test('GELU after the norm', async () => {
  await check(40, 16, { eps: 1e-6, activation: 'gelu' })
  await check(5, 256, { eps: 1e-6, activation: 'gelu' }, [false, false])
})

test('a padded row of zeros or of beta, where the rows fill their workgroups and where not', async () => {
  for (const padRow of ['zero', 'beta'] as const)
    for (const rows of [128, 5]) await check(rows, 32, { eps: 1e-6, padRow })
})

test('a large mean costs no digits of the variance, and a constant row divides by sqrt(eps)', async () => {
  const [rows, c] = [4, 64]
  const data = randomArray(5, rows * c).map((v, i) => (i < c ? 3 : v + 1000))
  const g = new Graph(engine)
  const x = g.input('x', [rows, c])
  const gamma = engine.weight('gamma', [c], new Float32Array(c).fill(1))
  const beta = engine.weight('beta', [c], randomArray(6, c))
  const y = g.keep(layerNorm(g, x, gamma, beta, { eps: 1e-6 }))
  const program = await g.compile()
  program.write(x, data)
  program.run()
  const got = await program.read(y)
  const expected = reference(
    { x: Float64Array.from(data), gamma: new Float64Array(c).fill(1), beta: Float64Array.from(randomArray(6, c)) },
    { eps: 1e-6 },
  )
  assert.equal([...got.subarray(0, c)], [...randomArray(6, c)])
  assert.ok(relativeError(got, expected) < 1e-4)
})

test('what does not fit is refused', () => {
  const g = new Graph(engine)
  const of = (n: number) => engine.weight(`w${n}`, [n], new Float32Array(n))
  assert.throws(() => layerNorm(g, g.input('x', [4, 8]), of(16), of(16), { eps: 1e-6 }), /do not fit x \[4,8\]/)
  assert.throws(() => layerNorm(g, g.input('x', [4, 6]), of(6), of(6), { eps: 1e-6 }), /multiple of 4/)
})

test.run()
