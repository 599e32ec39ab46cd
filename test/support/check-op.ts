/**
 * @file Checks one operation, forward and backward, against a float64 reference, in the middle of a graph: every input is
 * computed by another operation and has a second consumer, recorded once before and once after the operation, so gradients
 * must be accumulated in either order. Memory is filled with NaN before the run, and the upstream gradient is random.
 */
import * as assert from 'uvu/assert'
import { Graph, type MemoryOptions } from '../../engine/graph/graph'
import type { Tensor } from '../../engine/device/tensor'
import { scale } from '../../engine/ops/pointwise'
import type { Engine } from '../../engine/device/engine'
import { engine as defaultEngine } from './engine'
import { randomArray, randoms, relativeError } from './random'

export interface Input {
  shape: number[]
  /** Values; random in [-1, 1) by default. Constants (indices as u32) may be any typed array. */
  data?: Float32Array | Uint32Array | Int32Array
  /** True if its gradient is checked. */
  grad?: boolean
}

export interface OpCheck<K extends string> {
  inputs: Record<K, Input>
  build: (g: Graph, inputs: Record<K, Tensor>) => Tensor
  /** The output from float64 inputs. */
  reference: (inputs: Record<K, Float64Array>) => ArrayLike<number>
  tolerance?: number
  gradientTolerance?: number
  /** The number of elements of each input at which finite differences are computed (all, if it has fewer). */
  samples?: number
  /** Step of the central differences. */
  epsilon?: number
  /** What is recomputed or stored as f16. */
  memory?: MemoryOptions
  /** The engine to check; by default the one of this machine's adapter. */
  engine?: Engine
}

const INNER = 1.5
const OTHER = 0.75

/** Runs the check with the second consumers before and after the operation. */
export async function checkOp<K extends string>(check: OpCheck<K>): Promise<void> {
  for (const otherFirst of [false, true]) await checkOnce(check, otherFirst)
}

async function checkOnce<K extends string>(check: OpCheck<K>, otherFirst: boolean): Promise<void> {
  const names = Object.keys(check.inputs) as K[]
  const training = names.some((n) => check.inputs[n].grad)
  const g = new Graph(check.engine ?? defaultEngine, training, check.memory)
  const sources = {} as Record<K, Tensor>
  const values = {} as Record<K, Float32Array | Uint32Array | Int32Array>
  const inner = {} as Record<K, Tensor>
  const others: { name: K; tensor: Tensor; upstream: Float32Array }[] = []
  names.forEach((name, i) => {
    const { shape, data, grad } = check.inputs[name]
    const size = shape.reduce((a, b) => a * b, 1)
    values[name] = data ?? randomArray(101 + i, size)
    assert.is(values[name].length, size, `${name}: data and shape`)
    const source = (sources[name] = g.input(name, shape))
    source.requiresGrad = !!grad
    inner[name] = grad ? scale(g, source, INNER) : source
  })
  const consume = () =>
    names.forEach((name, i) => {
      if (!check.inputs[name].grad) return
      const tensor = g.keep(scale(g, inner[name], OTHER))
      others.push({ name, tensor, upstream: randomArray(501 + i, tensor.size) })
    })
  if (otherFirst) consume()
  const output = g.keep(check.build(g, inner))
  if (!otherFirst) consume()

  const upstream = randomArray(77, output.size)
  const upstreamTensor = g.input('upstream', output.shape)
  const otherUpstreams = others.map(({ tensor }, i) => g.input(`other upstream ${i}`, tensor.shape))
  if (training) {
    g.seed(others.map(({ tensor }, i) => [tensor, otherUpstreams[i]] as const))
    g.backward(output, upstreamTensor)
    for (const name of names) if (check.inputs[name].grad) g.keep(g.gradientOf(sources[name])!)
  }
  const program = await g.compile()
  program.poison()
  for (const name of names) program.write(sources[name], values[name])
  program.write(upstreamTensor, upstream)
  others.forEach(({ upstream: u }, i) => program.write(otherUpstreams[i], u))
  program.run()

  const exact = {} as Record<K, Float64Array>
  for (const name of names) {
    const factor = check.inputs[name].grad ? INNER : 1
    exact[name] = Float64Array.from(values[name], (v) => v * factor)
  }
  const expected = Float64Array.from(check.reference(exact))
  const got = await program.read(output)
  const error = relativeError(got, expected)
  assert.ok(error < (check.tolerance ?? 2e-6), `forward: relative error ${error}`)

  const total = (): number => {
    const y = check.reference(exact)
    let sum = 0
    for (let i = 0; i < upstream.length; i++) sum += y[i] * upstream[i]
    return sum
  }
  const h = check.epsilon ?? 1e-4
  for (const name of names) {
    if (!check.inputs[name].grad) continue
    const gradient = await program.read(g.gradientOf(sources[name])!)
    const other = others.find((o) => o.name === name)!
    const pick = randoms(9)
    const samples = check.samples ?? 40
    const size = gradient.length
    const indices =
      size <= samples
        ? [...gradient.keys()]
        : [0, size - 1, ...Array.from({ length: samples - 2 }, () => Math.floor(((pick() + 1) / 2) * size))]
    const analytic: number[] = []
    const numeric: number[] = []
    for (const i of indices) {
      const keep = exact[name][i]
      exact[name][i] = keep + h
      const up = total()
      exact[name][i] = keep - h
      const down = total()
      exact[name][i] = keep
      numeric.push(INNER * ((up - down) / (2 * h) + OTHER * other.upstream[i]))
      analytic.push(gradient[i])
    }
    assert.not(gradient.some(Number.isNaN), `gradient of ${name}: some elements were never written`)
    const gradientError = relativeError(analytic, numeric)
    const limit = check.gradientTolerance ?? 1e-5
    assert.ok(
      gradientError < limit,
      `gradient of ${name} (other consumer ${otherFirst ? 'first' : 'last'}): ${gradientError}`,
    )
  }
  program.destroy()
}
