/**
 * @file The self-tests of `wgsam doctor`: a linear layer with LoRA, forward and backward, compared with float64 on the CPU; and
 * on matrix units the same layer and attention, which decide whether those are used at all (matrix-probe-process.ts).
 */
import type { Engine } from '../../engine/device/engine'
import { Graph } from '../../engine/graph/graph'
import { attention } from '../../engine/ops/attention'
import { linear } from '../../engine/ops/linear'
import { windowMap } from '../../engine/ops/windows'

export interface SelfTest {
  ok: boolean
  /** Relative error ‖GPU − float64‖ / ‖float64‖, the maximum over output and gradients. */
  error: number
  /** Time from recording the graph to the last read-back, including shader compilation. */
  milliseconds: number
}

/** Without matrix units, and on them in each precision. */
const TOLERANCE = { f32: 1e-5, highest: 3e-5, high: 3e-3 } as const

/** Rows, input and output columns, and rank: odd ones, and some that kernels for matrix units take, with ragged edges. */
const SIZES = { f32: [67, 45, 83, 3], matrix: [132, 76, 140, 4] } as const

/** As selfTest, by the kernels for matrix units, which would leave a layer of this size to others. */
export async function matrixSelfTest(engine: Engine): Promise<SelfTest> {
  const usual = engine.variants
  engine.variants = { ...usual, ...{ matrixWork: 0 } }
  try {
    return await selfTest(engine, 'matrix')
  } finally {
    engine.variants = usual
  }
}

/**
 * ‖a − b‖ / ‖b‖ of attention on matrix units, a, and by the f32 kernels for GPUs, b: the maximum over the output and the
 * gradient, for windows with relative positions. An error of TF32's size is to be expected.
 */
export async function attentionSelfTest(engine: Engine): Promise<SelfTest> {
  const start = performance.now()
  const usual = engine.variants
  const compute = async (variant: 'matrix' | 'shared') => {
    engine.variants = { ...usual, attention: variant }
    const g = new Graph(engine, true)
    const [side, window, heads, head] = [9, 6, 2, 64]
    const map = windowMap(engine, { batch: 1, height: side, width: side, window })
    const qkv = g.input('qkv', [map.tokens + (map.pads ? 1 : 0), 3 * heads * head])
    qkv.requiresGrad = true
    const dy = g.input('dy', [map.tokens, heads * head])
    const tables = [1, 2].map((i) => g.input(`table ${i}`, [2 * window - 1, head]))
    const y = g.keep(attention(g, qkv, { heads, map, relPos: { h: tables[0], w: tables[1] } }))
    g.backward(y, dy)
    const gradient = g.keep(g.gradientOf(qkv)!)
    const program = await g.compile()
    program.poison()
    for (const [i, tensor] of [qkv, dy, ...tables].entries())
      program.write(
        tensor,
        Float32Array.from({ length: tensor.size }, (_, at) => Math.sin((0.7 + 0.13 * i) * (at + 1) ** 2)),
      )
    program.run()
    const results = [await program.read(y), await program.read(gradient)]
    program.destroy()
    return results
  }
  try {
    const expected = await compute('shared')
    const got = await compute('matrix')
    const error = Math.max(...expected.map((e, i) => distance(got[i], Float64Array.from(e))))
    return { ok: error < TOLERANCE.high, error, milliseconds: performance.now() - start }
  } finally {
    engine.variants = usual
  }
}

/** Computes y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ and its gradients with odd sizes. @throws the errors that the device reports */
export async function selfTest(engine: Engine, sizes: keyof typeof SIZES = 'f32'): Promise<SelfTest> {
  const start = performance.now()
  const [m, k, n, r] = SIZES[sizes]
  const scale = 0.5
  // sums of plain waves nearly cancel, which would magnify the rounding of operands; the phases of these are scattered
  const power = sizes === 'matrix' ? 2 : 1
  const wave = (length: number, step: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin(step * (i + 1) ** power))
  const [x, w, b, loraA, loraB, dy] = [m * k, n * k, n, r * k, n * r, m * n].map((size, i) =>
    wave(size, 0.7 + 0.13 * i),
  )

  const g = new Graph(engine, true)
  const inputs = {
    x: g.input('x', [m, k]),
    a: g.input('A', [r, k]),
    b: g.input('B', [n, r]),
    dy: g.input('dy', [m, n]),
  }
  for (const name of ['x', 'a', 'b'] as const) inputs[name].requiresGrad = true
  const weight = engine.weight('self-test W', [n, k], w)
  const bias = engine.weight('self-test b', [n], b)
  const lora = { rank: r, scale, a: inputs.a, b: inputs.b, ranges: [{ start: 0, end: n }] }
  const y = g.keep(linear(g, inputs.x, { weight, bias, lora }))
  g.backward(y, inputs.dy)
  const gradients = [inputs.x, inputs.a, inputs.b].map((t) => g.keep(g.gradientOf(t)!))
  const program = await g.compile()
  // memory that a kernel fails to write then reads as NaN
  program.poison()
  program.write(inputs.x, x)
  program.write(inputs.a, loraA)
  program.write(inputs.b, loraB)
  program.write(inputs.dy, dy)
  program.run()
  const got: Float32Array[] = []
  for (const tensor of [y, ...gradients]) got.push(await program.read(tensor))
  program.destroy()
  engine.release(weight)
  engine.release(bias)

  // x·Aᵀ and dy·B, the shared factors of the LoRA terms
  const xA = matmul(x, loraA, m, k, r, true)
  const dyB = matmul(dy, loraB, m, n, r)
  const expected = [
    matmul(x, w, m, k, n, true).map(
      (v, i) => v + b[i % n] + scale * dot(r, (j) => xA[Math.floor(i / n) * r + j] * loraB[(i % n) * r + j]),
    ),
    matmul(dy, w, m, n, k).map(
      (v, i) => v + scale * dot(r, (j) => dyB[Math.floor(i / k) * r + j] * loraA[j * k + (i % k)]),
    ),
    Float64Array.from(
      { length: r * k },
      (_, i) => scale * dot(m, (j) => dyB[j * r + Math.floor(i / k)] * x[j * k + (i % k)]),
    ),
    Float64Array.from(
      { length: n * r },
      (_, i) => scale * dot(m, (j) => dy[j * n + Math.floor(i / r)] * xA[j * r + (i % r)]),
    ),
  ]
  const error = Math.max(...expected.map((e, i) => distance(got[i], e)))
  return {
    ok: error < TOLERANCE[sizes === 'f32' ? 'f32' : engine.precision],
    error,
    milliseconds: performance.now() - start,
  }
}

function dot(length: number, term: (j: number) => number): number {
  let sum = 0
  for (let j = 0; j < length; j++) sum += term(j)
  return sum
}

/** The matrix product of a (m, k) and b (k, n), or the transpose of b (n, k), in float64. */
function matmul(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number, transposed = false) {
  return Float64Array.from({ length: m * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n]
    return dot(k, (j) => a[row * k + j] * b[transposed ? column * k + j : j * n + column])
  })
}

/** ‖a − b‖ / ‖b‖; Infinity if a has values that are not finite, so that it exceeds any tolerance. */
function distance(a: Float32Array, b: Float64Array): number {
  const value = Math.sqrt(dot(b.length, (i) => (a[i] - b[i]) ** 2) / dot(b.length, (i) => b[i] ** 2))
  return Number.isFinite(value) ? value : Infinity
}
