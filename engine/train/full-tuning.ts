/**
 * @file Full fine-tuning of chosen matrices: what trains is each matrix's difference from the base model's, so that
 * it starts at zero, decays to the base, and is written down exactly. The model then uses base + difference.
 */
import type { Engine } from '../device/engine'
import { elementwise } from '../graph/elementwise'
import { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { addScaled } from '../ops/pointwise'
import type { LoraLayer } from './lora'
import type { ParameterSpec } from './parameters'

const nameOf = (path: string) => `${path}.delta`

/** One difference a layer, (rows of its parts, in), the parts one below the other: zero at first. */
export const fullSpecs = (layers: readonly LoraLayer[]): ParameterSpec[] =>
  layers.map(({ path, linear, parts }) => {
    const rows = parts.reduce((sum, { start, end }) => sum + end - start, 0)
    const shape = [rows, linear.weight.shape[1]]
    return { name: nameOf(path), shape, init: new Float32Array(rows * shape[1]) }
  })

export interface FullTuning {
  /** Records base + difference into the weights that the model uses: needed after every change of the differences. */
  record(g: Graph): void
  /** Does that at once, and waits for nothing. */
  refresh(): void
  /** Gives the model its base weights back and frees the memory; nothing recorded meanwhile may run again. */
  release(): void
}

/**
 * Puts weights of base + difference in the place of the layers' own: whatever is recorded from now on uses them and, in
 * training, sends their gradients to the differences. `get` gives these by the names of `fullSpecs`.
 */
export async function attachFull(
  engine: Engine,
  layers: readonly LoraLayer[],
  get: (name: string) => Tensor,
): Promise<FullTuning> {
  const tuned = layers.map(({ path, linear, parts }) => {
    const { weight: base } = linear
    const delta = get(nameOf(path))
    return { linear, parts, base, delta, sum: engine.persistent('adapter', `${base.label}, tuned`, base.shape) }
  })
  const record = (g: Graph) => {
    for (const { parts, base, delta, sum } of tuned) {
      let row = 0
      for (const { start, end } of parts) {
        const a = base.slice(start, end)
        const b = delta.slice(row, (row += end - start))
        elementwise(g, 'combine', { a, b, out: sum.slice(start, end) }, a.size, {})
      }
    }
  }
  const first = new Graph(engine)
  for (const { base, sum } of tuned) addScaled(first, base, { tensor: sum, accumulate: 0 })
  const copy = await first.compile()
  copy.run()
  const g = new Graph(engine)
  record(g)
  const program = await g.compile()
  program.run()
  await engine.idle()
  copy.destroy()
  for (const { linear, parts, delta, sum } of tuned) Object.assign(linear, { weight: sum, tuned: { delta, parts } })
  return {
    record,
    refresh: () => program.run(),
    release() {
      program.destroy()
      for (const { linear, base, sum } of tuned) {
        Object.assign(linear, { weight: base, tuned: null })
        engine.release(sum)
      }
    },
  }
}
