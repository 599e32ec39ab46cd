import { test } from 'uvu'
import { activate, add } from '../engine/ops/pointwise'
import { checkOp } from './support/check-op'
import { gelu } from './support/reference'

test('add, and add of a repeated constant', async () => {
  await checkOp({
    inputs: { a: { shape: [3, 70], grad: true }, b: { shape: [3, 70], grad: true } },
    build: (g, { a, b }) => add(g, a, b),
    reference: ({ a, b }) => a.map((v, i) => v + b[i]),
  })
  await checkOp({
    inputs: { a: { shape: [3, 70], grad: true }, b: { shape: [70] } },
    build: (g, { a, b }) => add(g, a, b),
    reference: ({ a, b }) => a.map((v, i) => v + b[i % 70]),
  })
  await checkOp({
    inputs: { a: { shape: [3, 72], grad: true }, b: { shape: [72] } },
    build: (g, { a, b }) => add(g, a, b),
    reference: ({ a, b }) => a.map((v, i) => v + b[i % 72]),
  })
})

test('GELU, ReLU and sigmoid', async () => {
  const functions = {
    gelu,
    relu: (x: number) => Math.max(0, x),
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  }
  for (const name of ['gelu', 'relu', 'sigmoid'] as const)
    for (const size of [700, 701])
      await checkOp({
        inputs: { x: { shape: [size], grad: true } },
        build: (g, { x }) => activate(g, x, name),
        reference: ({ x }) => x.map(functions[name]),
        epsilon: 1e-5,
      })
})

test.run()
