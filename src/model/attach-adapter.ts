/** @file Puts an adapter from disk beside a model's weights. Input size does not matter: a layer is a layer at any. */
import type { Engine } from '../../engine/device/engine'
import type { Tensor } from '../../engine/device/tensor'
import type { SamModel } from '../../engine/sam/sam-model'
import { attachLora, detachLora, type LoraConfig, type LoraLayer } from '../../engine/train/lora'
import { UserError } from '../host/errors'
import { type Adapter, partOf, validateTargets } from '../weights/adapter'
import { type AnyAdapter, isDifference, readAnyAdapter, targetsOf } from '../weights/any-adapter'
import type { FullAdapter } from '../weights/full-adapter'

export interface AttachedAdapter {
  adapter: AnyAdapter
  layers: LoraLayer[]
  /** Puts the adapter beside the weights: what is recorded from then on uses it. It is there at first. */
  attach(): void
  /** Takes it away: what is recorded from then on is the base model. */
  detach(): void
  /** Detaches and frees the adapter's memory, once nothing recorded uses it any more. */
  release(): void
}

/**
 * Reads an adapter and attaches it.
 * @throws UserError where it cannot be read or belongs to another model
 */
export async function loadAdapter(engine: Engine, model: SamModel, path: string): Promise<AttachedAdapter> {
  const adapter = await readAnyAdapter(path)
  validateTargets(path, targetsOf(adapter), model.architecture)
  return isDifference(adapter)
    ? attachDifferences(engine, model, adapter, path)
    : attachAdapter(engine, model, adapter, path)
}

/** Attaches an adapter that is in memory; `path` names it in errors. */
export function attachAdapter(engine: Engine, model: SamModel, adapter: Adapter, path: string): AttachedAdapter {
  const { r, lora_alpha, use_rslora } = adapter.config
  const joined = joinTargets(model, adapter.tensors.targets, path)
  const layers = joined.map(({ layer }) => layer)
  const tensors = new Map<string, Tensor>()
  for (const { layer, pairs } of joined) {
    const [rows, inDim] = [pairs.reduce((sum, { outDim }) => sum + outDim, 0), pairs[0].inDim]
    const put = (name: string, shape: number[], parts: Float32Array[]) =>
      tensors.set(name, engine.persistent('adapter', name, shape, join(parts)))
    put(
      `${layer.path}.lora_A`,
      [pairs.length * r, inDim],
      pairs.map(({ A }) => A),
    )
    put(
      `${layer.path}.lora_B`,
      [rows, r],
      pairs.map(({ B }) => B),
    )
  }
  const config: LoraConfig = { rank: r, alpha: lora_alpha, rslora: use_rslora, targets: [], blocks: null }
  const attach = () => attachLora(layers, config, (name) => tensors.get(name)!)
  const detach = () => detachLora(layers)
  attach()
  return {
    adapter,
    layers,
    attach,
    detach,
    release() {
      detach()
      for (const tensor of tensors.values()) engine.release(tensor)
    },
  }
}

/** Puts base + difference in the place of the weights; the base's own stay, so that there is a way back. */
async function attachDifferences(
  engine: Engine,
  model: SamModel,
  adapter: FullAdapter,
  path: string,
): Promise<AttachedAdapter> {
  const tuned: { layer: LoraLayer; base: Tensor; sum: Tensor }[] = []
  for (const { layer, pairs } of joinTargets(model, adapter.differences, path)) {
    const { weight: base } = layer.linear
    const values = await engine.read(base)
    layer.parts.forEach(({ start }, i) => {
      const { D, inDim } = pairs[i]
      D.forEach((d, at) => (values[start * inDim + at] += d))
    })
    tuned.push({ layer, base, sum: engine.persistent('adapter', `${base.label}, tuned`, base.shape, values) })
  }
  const attach = () => tuned.forEach(({ layer, sum }) => (layer.linear.weight = sum))
  const detach = () => tuned.forEach(({ layer, base }) => (layer.linear.weight = base))
  attach()
  return {
    adapter,
    layers: tuned.map(({ layer }) => layer),
    attach,
    detach,
    release() {
      detach()
      for (const { sum } of tuned) engine.release(sum)
    },
  }
}

/** An adapter's targets by the engine's layers: parts of one layer together, in the order of their rows. */
function joinTargets<T extends { outDim: number }>(
  model: SamModel,
  targets: ReadonlyMap<string, T>,
  path: string,
): { layer: LoraLayer; pairs: T[] }[] {
  const found = new Map<string, { name: string; start: number; end: number; pair: T }[]>()
  for (const [name, pair] of targets) {
    const part = partOf(name)
    const at = part?.layer ?? name
    const start = part ? 'qkv'.indexOf(part.part) * pair.outDim : 0
    found.set(at, [...(found.get(at) ?? []), { name, start, end: start + pair.outDim, pair }])
  }
  return [...found].map(([at, unsorted]) => {
    const linear = model.linears.get(at)
    if (!linear) throw new UserError(`${path}: it adapts ${at}, which is no linear layer that wgsam adapts`)
    const parts = unsorted.sort((a, b) => a.start - b.start)
    return {
      layer: { path: at, linear, parts: parts.map(({ name, start, end }) => ({ name, start, end })) },
      pairs: parts.map(({ pair }) => pair),
    }
  })
}

function join(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
  return all
}
