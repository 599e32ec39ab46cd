import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import type { Tensor } from '../../../engine/device/tensor'
import { activate, activateBackward, add, addProduct, addScaled, fill } from '../../../engine/ops/pointwise'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'
import { gelu } from '../../support/reference'

test('add, and add of a repeated constant', async () => {
  await checkOp({
    inputs: { a: { shape: [3, 70], grad: true }, b: { shape: [3, 70], grad: true } },
    build: (g, { a, b }) => add(g, a, b),
    reference: ({ a, b }) => a.map((v, i) => v + b[i]),
  })
  for (const length of [70, 72])
    await checkOp({
      inputs: { a: { shape: [3, length], grad: true }, b: { shape: [length] } },
      build: (g, { a, b }) => add(g, a, b),
      reference: ({ a, b }) => a.map((v, i) => v + b[i % length]),
    })
})

const functions = {
  gelu,
  relu: (x: number) => Math.max(0, x),
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
}
const activations = ['gelu', 'relu', 'sigmoid'] as const

test('GELU, ReLU and sigmoid', async () => {
  for (const name of activations)
    for (const size of [700, 701])
      await checkOp({
        inputs: { x: { shape: [size], grad: true } },
        build: (g, { x }) => activate(g, x, name),
        reference: ({ x }) => x.map(functions[name]),
        epsilon: 1e-5,
      })
})

/** Runs the dispatches of `record`, which write to an output of `size` elements with the values `before`; intermediates start as NaN. */
async function run(
  inputs: Record<string, Float32Array>,
  size: number,
  before: Float32Array,
  record: (g: Graph, tensors: Record<string, Tensor>) => void,
): Promise<Float32Array> {
  const g = new Graph(engine)
  const names = Object.keys(inputs)
  const tensors = Object.fromEntries(names.map((name) => [name, g.input(name, [inputs[name].length])]))
  const out = engine.persistent('adapter', 'out', [size], before)
  record(g, { ...tensors, out })
  const program = await g.compile()
  program.poison()
  for (const name of names) program.write(tensors[name], inputs[name])
  program.run()
  const result = await engine.read(out)
  program.destroy()
  engine.release(out)
  return result
}

function near(found: Float32Array, expected: ArrayLike<number>, tolerance: number, what: string): void {
  const worst = found.reduce((most, v, i) => {
    const off = Math.abs(v - expected[i])
    return off <= most ? most : Number.isNaN(off) ? Infinity : off
  }, 0)
  assert.ok(worst <= tolerance, `${what}: off by ${worst}`)
}

// sizes with which lanes loop over several rounds on a software adapter and which end inside a group; for vec4 and for f32
const SIZES = [3, 8, 4 * (64 * 64 * 3 + 12), 64 * 64 * 2 + 13]

test('every kernel writes every element, overwriting or accumulating, at sizes that are multiples of nothing', async () => {
  for (const size of SIZES) {
    const [a, old] = [randomArray(1, size), randomArray(2, size)]
    for (const accumulate of [0, 1] as const) {
      const begin = accumulate ? old : new Float32Array(size).fill(NaN)
      const sum = (values: ArrayLike<number>) => Float64Array.from(old, (v, i) => (accumulate ? v : 0) + values[i])
      const what = `${size}, accumulate ${accumulate}`
      const scaled = await run({ a }, size, begin, (g, { a, out }) => addScaled(g, a, { tensor: out, accumulate }, 3))
      near(scaled, sum(a.map((v) => 3 * v)), 1e-6, `scale, ${what}`)
      // lengths below and above the eight lanes of a group, for f32 and for vec4
      for (const length of [1, 3, 5, 12, 15, 48, 164].filter((n) => size % n === 0).concat(size)) {
        const b = randomArray(3, length)
        const product = await run({ a, b }, size, begin, (g, { a, b, out }) =>
          addProduct(g, a, b, { tensor: out, accumulate }),
        )
        near(product, sum(a.map((v, i) => v * b[i % length])), 1e-6, `multiply by ${length}, ${what}`)
        const both = await run({ a, b }, size, begin, (g, { a, b, out }) =>
          addScaled(g, add(g, a, b), { tensor: out, accumulate }),
        )
        near(both, sum(a.map((v, i) => v + b[i % length])), 1e-6, `add ${length}, ${what}`)
      }
      const b = randomArray(4, size)
      for (const name of activations) {
        const h = 1e-5
        const slopes = Float64Array.from(a, (x) => (functions[name](x + h) - functions[name](x - h)) / (2 * h))
        const found = await run({ a, b }, size, begin, (g, { a, b, out }) =>
          activateBackward(g, name, a, b, { tensor: out, accumulate }),
        )
        near(found, sum(slopes.map((v, i) => v * b[i])), 1e-6, `slope of ${name}, ${what}`)
      }
    }
    const filled = await run({}, size, old, (g, { out }) => fill(g, out, 7))
    near(filled, new Float32Array(size).fill(7), 0, `fill of ${size}`)
  }
})

test('GELU and its derivative are exact to f32 precision over the whole range, and NaN stays NaN', async () => {
  // WGSL lets division and exp2 be off by some units in the last place, which a processor's are not, and compilers assume that
  // there is no NaN; training looks for it by bits where it enters (FiniteGuard)
  const [precise, tolerance, slopeTolerance] = engine.software ? [true, 1.5e-7, 3e-7] : [false, 2e-7, 6e-7]
  const size = 8192
  const x = Float32Array.from({ length: size }, (_, i) => -12 + (24 * i) / size)
  const spoilt = x.slice()
  spoilt[5] = NaN
  const ones = new Float32Array(size).fill(1)
  const none = new Float32Array(size)
  const h = 1e-4
  const slope = (v: number) => (gelu(v + h) - gelu(v - h)) / (2 * h)
  for (const cut of [0, 1]) {
    const [part, upstream] = [x.slice(cut), ones.slice(cut)]
    const values = await run({ x: part }, part.length, none.slice(cut), (g, { x, out }) =>
      addScaled(g, activate(g, x, 'gelu'), { tensor: out, accumulate: 0 }),
    )
    const errors = values.map((v, i) => Math.abs(v - gelu(part[i])) / Math.max(1, Math.abs(part[i])))
    near(errors, none, tolerance, 'GELU, of its size')
    const slopes = await run({ part, upstream }, part.length, none.slice(cut), (g, { part, upstream, out }) =>
      activateBackward(g, 'gelu', part, upstream, { tensor: out, accumulate: 0 }),
    )
    near(slopes, Array.from(part, slope), slopeTolerance, 'its slope')
    const spoiltPart = spoilt.slice(cut)
    const kept = await run({ x: spoiltPart }, part.length, none.slice(cut), (g, { x, out }) =>
      addScaled(g, activate(g, x, 'gelu'), { tensor: out, accumulate: 0 }),
    )
    assert.ok(!precise || Number.isNaN(kept[5 - cut]))
  }
})

test.run()
