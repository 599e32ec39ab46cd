/** @file Puts an adapter from disk beside a model's weights. Input size does not matter: a layer is a layer at any. */
import type { Engine } from '../engine/device/engine'
import type { Tensor } from '../engine/graph/tensor'
import type { SamModel } from '../engine/sam/sam'
import { attachLora, detachLora, type LoraConfig, type LoraLayer } from '../engine/train/lora'
import { UserError } from './errors'
import { type Adapter, type LoraPair, readAdapter } from './weights/peft'
import { partOf, validateAdapter } from './weights/adapter'

export interface AttachedAdapter {
  adapter: Adapter
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
  const adapter = await readAdapter(path)
  validateAdapter(path, adapter, model.architecture)
  return attachAdapter(engine, model, adapter, path)
}

/** Attaches an adapter that is in memory; `path` names it in errors. */
export function attachAdapter(engine: Engine, model: SamModel, adapter: Adapter, path: string): AttachedAdapter {
  const { r, lora_alpha, use_rslora } = adapter.config
  const joined = joinTargets(model, adapter, path)
  const layers = joined.map(({ layer }) => layer)
  const tensors = new Map<string, Tensor>()
  for (const { layer, pairs } of joined) {
    const [rows, inDim] = [pairs.reduce((sum, { outDim }) => sum + outDim, 0), pairs[0].inDim]
    const put = (name: string, shape: number[], parts: Float32Array[]) =>
      tensors.set(name, engine.persistent('adapter', name, shape, join(parts)))
    put(`${layer.path}.lora_A`, [pairs.length * r, inDim], pairs.map(({ A }) => A)) // prettier-ignore
    put(`${layer.path}.lora_B`, [rows, r], pairs.map(({ B }) => B)) // prettier-ignore
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

/** The adapter's targets by the engine's layers: parts of one layer together, in the order of their rows. */
function joinTargets(model: SamModel, { tensors }: Adapter, path: string): { layer: LoraLayer; pairs: LoraPair[] }[] {
  const found = new Map<string, { name: string; start: number; end: number; pair: LoraPair }[]>()
  for (const [name, pair] of tensors.targets) {
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
