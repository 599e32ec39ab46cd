/**
 * @file Full fine-tuning of chosen matrices: what trains is each matrix's difference from the base model's, so that
 * it starts at zero, decays to the base, and is saved exactly. The model then uses base + difference.
 */
import type { Engine } from '../device/engine'
import { elementwise } from '../graph/elementwise'
import { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { addScaled } from '../ops/pointwise'
import { AttachedAdapter } from './attached-adapter'
import type { AdaptedLayer } from './lora'
import type { ParameterSpec } from './parameters'

const nameOf = (path: string) => `${path}.delta`

/**
 * One parameter a layer: `PATH.delta` (sum of the parts' rows, in), the parts one below the other, zero at first.
 * @example
 * const parameters = new ParameterSet(engine, fullSpecs(loraLayers(model, defaultLora)))
 */
export const fullSpecs = (layers: readonly AdaptedLayer[]): ParameterSpec[] =>
  layers.map(({ path, linear, parts }) => {
    const rows = parts.reduce((sum, { start, end }) => sum + end - start, 0)
    const shape = [rows, linear.weight.shape[1]]
    return { name: nameOf(path), shape, init: new Float32Array(rows * shape[1]) }
  })

/** Memory for base + difference of a layer, (out, in). */
const sumOf = (engine: Engine, { label, shape }: Tensor, values?: Float32Array) =>
  engine.persistent('adapter', `${label}, tuned`, shape, values)

/** Fully tuned matrices that are attached to a model. */
export interface FullTuning {
  /** Its release frees the sums, not the differences. */
  adapter: AttachedAdapter
  /** Records base + difference into the weights that the model uses: needed after every change of the differences. */
  record(g: Graph): void
  /** Submits the same at once. */
  refresh(): void
}

/**
 * Attaches differences that train: operations recorded from now on use base + difference and, in training, send the
 * gradients of these weights to the differences.
 * @param get the differences, by the names and in the shapes of `fullSpecs`
 * @throws Error if a layer has an adapter already
 * @example
 * const layers = loraLayers(model, { ...defaultLora, targets: ['decoder.q'] })
 * const parameters = new ParameterSet(engine, fullSpecs(layers))
 * const { record } = await attachFull(engine, layers, (name) => parameters.get(name))
 * const step = await TrainingStep.create(model, parameters, config, record)
 */
export async function attachFull(
  engine: Engine,
  layers: readonly AdaptedLayer[],
  get: (name: string) => Tensor,
): Promise<FullTuning> {
  const tuned = layers.map(({ path, linear, parts }) => {
    const { weight: base } = linear
    return { path, linear, parts, base, delta: get(nameOf(path)), weight: sumOf(engine, base) }
  })
  const record = (g: Graph) => {
    for (const { parts, base, delta, weight } of tuned) {
      let row = 0
      for (const { start, end } of parts) {
        const a = base.slice(start, end)
        const b = delta.slice(row, (row += end - start))
        elementwise(g, 'combine', { a, b, out: weight.slice(start, end) }, a.size, {})
      }
    }
  }
  const first = new Graph(engine)
  for (const { base, weight } of tuned) addScaled(first, base, { tensor: weight, accumulate: 0 })
  const copy = await first.compile()
  copy.run()
  const g = new Graph(engine)
  record(g)
  const program = await g.compile()
  program.run()
  await engine.idle()
  copy.destroy()
  const adapters = tuned.map(({ path, linear, weight, delta, parts }) => {
    return { path, linear, adapter: { tuned: { weight, delta, parts } } }
  })
  const adapter = new AttachedAdapter(adapters, () => {
    program.destroy()
    for (const { weight } of tuned) engine.release(weight)
  })
  return { adapter, record, refresh: () => program.run() }
}

/**
 * Attaches differences that do not train, for inference. The base weights are read back and summed on the host.
 * @param differenceOf the difference (end - start, in) of a part, by its name
 * @throws Error if a layer has an adapter already, or its weight is stored as f16
 * @example
 * const layers = loraLayers(model, { ...defaultLora, targets: ['decoder.q'] })
 * const attached = await attachDifferences(engine, layers, differenceOf)
 * attached.release()
 */
export async function attachDifferences(
  engine: Engine,
  layers: readonly AdaptedLayer[],
  differenceOf: (part: string) => Float32Array,
): Promise<AttachedAdapter> {
  const sums: Tensor[] = []
  const adapters = []
  for (const { path, linear, parts } of layers) {
    const { weight: base } = linear
    const values = await engine.read(base)
    for (const { name, start } of parts) {
      const from = start * base.shape[1]
      differenceOf(name).forEach((d, i) => (values[from + i] += d))
    }
    const weight = sumOf(engine, base, values)
    sums.push(weight)
    adapters.push({ path, linear, adapter: { tuned: { weight, delta: null, parts } } })
  }
  return new AttachedAdapter(adapters, () => sums.forEach((sum) => engine.release(sum)))
}
