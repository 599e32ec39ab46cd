import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allMatmuls } from '../../../engine/device/kernel-variants'
import { linear } from '../../../engine/ops/linear'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { testNeeding } from '../../support/needs'
import { gelu } from '../../support/reference'

/** x (m,k) times w (n,k) transposed, in float64. */
function product(x: Float64Array, w: Float64Array, m: number, n: number, k: number): Float64Array {
  const y = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) y[i * n + j] += x[i * k + l] * w[j * k + l]
  return y
}

test('bias, residual, and gradients of the input, the weight and the bias', async () => {
  for (const [m, n, k] of [
    [1, 1, 1],
    [7, 9, 5],
    [65, 70, 33],
    [16, 64, 32],
  ])
    await checkOp({
      inputs: {
        x: { shape: [m, k], grad: true },
        weight: { shape: [n, k], grad: true },
        bias: { shape: [n], grad: true },
        residual: { shape: [m, n], grad: true },
      },
      build: (g, { x, weight, bias, residual }) => linear(g, x, { weight, bias }, { residual }),
      reference: ({ x, weight, bias, residual }) =>
        product(x, weight, m, n, k).map((v, i) => v + bias[i % n] + residual[i]),
    })
})

test('weight and bias train where the input does not, behind an activation', async () => {
  const [m, n, k] = [13, 12, 20]
  await checkOp({
    inputs: { x: { shape: [m, k] }, weight: { shape: [n, k], grad: true }, bias: { shape: [n], grad: true } },
    build: (g, { x, weight, bias }) => linear(g, x, { weight, bias }, { activation: 'gelu' }),
    reference: ({ x, weight, bias }) => product(x, weight, m, n, k).map((v, i) => gelu(v + bias[i % n])),
    epsilon: 1e-6,
    gradientTolerance: 2e-5,
  })
})

test('GELU and ReLU in the epilogue', async () => {
  const [m, n, k] = [13, 37, 20]
  for (const activation of ['gelu', 'relu'] as const)
    await checkOp({
      inputs: { x: { shape: [m, k], grad: true }, weight: { shape: [n, k] }, bias: { shape: [n] } },
      build: (g, { x, weight, bias }) => linear(g, x, { weight, bias }, { activation }),
      reference: ({ x, weight, bias }) =>
        product(x, weight, m, n, k).map((v, i) => {
          const y = v + bias[i % n]
          return activation === 'gelu' ? gelu(y) : Math.max(0, y)
        }),
      epsilon: 1e-6,
      gradientTolerance: 2e-5,
    })
})

test('LoRA on column ranges that do not align with tiles', async () => {
  const [m, n, k] = [19, 3 * 24, 28]
  for (const rank of [1, 4, 37]) {
    const ranges = [
      { start: 0, end: 24 },
      { start: 48, end: 72 },
    ]
    const scale = 2 / rank
    await checkOp({
      inputs: {
        x: { shape: [m, k], grad: true },
        weight: { shape: [n, k] },
        bias: { shape: [n] },
        a: { shape: [2 * rank, k], grad: true },
        b: { shape: [48, rank], grad: true },
      },
      build: (g, { x, weight, bias, a, b }) => linear(g, x, { weight, bias, lora: { rank, scale, a, b, ranges } }),
      reference: ({ x, weight, bias, a, b }) => {
        const y = product(x, weight, m, n, k).map((v, i) => v + bias[i % n])
        const t = product(x, a, m, 2 * rank, k)
        for (let i = 0; i < m; i++)
          for (let target = 0; target < 2; target++)
            for (let j = 0; j < 24; j++)
              for (let r = 0; r < rank; r++)
                y[i * n + ranges[target].start + j] +=
                  scale * t[i * 2 * rank + target * rank + r] * b[(target * 24 + j) * rank + r]
        return y
      },
    })
  }
})

/** Some adapters, such as SwiftShader, have no subgroups and never use that variant. */
const noSubgroups = engine.subgroupSize >= 8 ? null : 'this adapter has no subgroups of 8 or more'
const chosen = engine.variants
for (const variant of ['shared', 'shared-small', 'direct', 'transposed', 'subgroup'] as const) {
  const register = variant === 'subgroup' ? testNeeding('subgroups', noSubgroups) : test
  register(`variant ${variant}: the same results, by vec4 if everything is aligned`, async () => {
    const rank = 8
    const ranges = [
      { start: 4, end: 36 },
      { start: 60, end: 92 },
    ]
    for (const [m, n, k] of [
      [131, 96, 20],
      [128, 96, 40],
      [130, 33, 18],
    ]) {
      engine.variants = { ...chosen, matmul: allMatmuls(variant) }
      const lora = n === 96
      await checkOp({
        inputs: {
          x: { shape: [m, k], grad: true },
          weight: { shape: [n, k] },
          bias: { shape: [n] },
          residual: { shape: [m, n], grad: true },
          a: { shape: [2 * rank, k], grad: lora },
          b: { shape: [64, rank], grad: lora },
        },
        build: (g, { x, weight, bias, residual, a, b }) => {
          const y = linear(g, x, { weight, bias, lora: lora ? { rank, scale: 0.5, a, b, ranges } : null }, { residual })
          // these variants have separate kernels for aligned operands: here they must have been used
          const entries: Partial<Record<typeof variant, string>> = {
            subgroup: 'subgroup_nt',
            shared: 'shared4_nt',
            'shared-small': 'small_nt',
          }
          if (entries[variant] && lora) assert.is(g.dispatches.at(-1)!.entry, entries[variant])
          return y
        },
        reference: ({ x, weight, bias, residual, a, b }) => {
          const y = product(x, weight, m, n, k).map((v, i) => v + bias[i % n] + residual[i])
          const t = product(x, a, m, 2 * rank, k)
          if (lora)
            for (let i = 0; i < m; i++)
              ranges.forEach(({ start }, target) => {
                for (let j = 0; j < 32; j++)
                  for (let r = 0; r < rank; r++)
                    y[i * n + start + j] += 0.5 * t[i * 2 * rank + target * rank + r] * b[(target * 32 + j) * rank + r]
              })
          return y
        },
        samples: 6,
      })
    }
    engine.variants = chosen
  })
}

test.run()
