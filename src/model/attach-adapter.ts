/** @file Reads an adapter from disk and attaches it to a model. Its layers have the same shapes at every input size. */
import type { Engine } from '../../engine/device/engine'
import type { Tensor } from '../../engine/device/tensor'
import type { Architecture } from '../../engine/sam/architecture'
import { PromptHead } from '../../engine/sam/prompt-head'
import type { SamModel } from '../../engine/sam/sam-model'
import type { AttachedAdapter } from '../../engine/train/attached-adapter'
import { attachDifferences } from '../../engine/train/full-tuning'
import { type AdaptedLayer, attachLora } from '../../engine/train/lora'
import { UserError } from '../host/errors'
import { type Adapter, partOf, validateTargets } from '../weights/adapter'
import { isDifference, readAnyAdapter, targetsOf } from '../weights/any-adapter'
import { readPromptHead } from '../weights/prompt-head-file'

/**
 * Reads an adapter and attaches it, with its prompt head if it has one. `release` frees its GPU memory.
 * @param asked the name of the model, for messages
 * @throws UserError if it cannot be read or belongs to another model
 */
export async function loadAdapter(
  engine: Engine,
  model: SamModel,
  path: string,
  asked?: string,
): Promise<AttachedAdapter> {
  const adapter = await readAnyAdapter(path)
  const targets = targetsOf(adapter)
  validateTargets(path, targets, model.architecture, { trained: adapter.config.base_model_name_or_path, asked })
  const layers = adaptedLayers(model, targets, path)
  const head = await loadPromptHead(engine, model, path)
  const attached = isDifference(adapter)
    ? await attachDifferences(engine, layers, (name) => adapter.differences.get(name)!.D)
    : uploadLora(engine, layers, adapter)
  if (head) attached.useHead(model, head)
  return attached
}

/**
 * Reads the prompt head in an adapter's folder and uploads it; null if the adapter has none.
 * @throws UserError if it cannot be read or belongs to another model
 */
async function loadPromptHead(engine: Engine, model: SamModel, folder: string): Promise<PromptHead | null> {
  const source = await readPromptHead(folder, model.architecture.outChannels)
  return source && PromptHead.load(engine, source)
}

/** Checks that an adapter can be read and belongs to the model that was asked for, by name or path. @throws UserError as loadAdapter */
export async function checkAdapter(path: string, architecture: Architecture, asked?: string): Promise<void> {
  const adapter = await readAnyAdapter(path)
  validateTargets(path, targetsOf(adapter), architecture, { trained: adapter.config.base_model_name_or_path, asked })
}

/** Uploads the matrices of every layer, those of its parts one below the other, and attaches them. */
function uploadLora(engine: Engine, layers: readonly AdaptedLayer[], { config, tensors }: Adapter): AttachedAdapter {
  const { r, lora_alpha, use_rslora } = config
  const matrices = new Map<string, Tensor>()
  for (const { path, parts } of layers) {
    const pairs = parts.map(({ name }) => tensors.targets.get(name)!)
    const rows = pairs.reduce((sum, { outDim }) => sum + outDim, 0)
    const upload = (name: string, shape: number[], values: Float32Array[]) =>
      matrices.set(name, engine.persistent('adapter', name, shape, concatenate(values)))
    upload(
      `${path}.lora_A`,
      [pairs.length * r, pairs[0].inDim],
      pairs.map(({ A }) => A),
    )
    upload(
      `${path}.lora_B`,
      [rows, r],
      pairs.map(({ B }) => B),
    )
  }
  const free = () => matrices.forEach((tensor) => engine.release(tensor))
  const scaling = { rank: r, alpha: lora_alpha, rslora: use_rslora }
  return attachLora(layers, scaling, (name) => matrices.get(name)!, free)
}

/**
 * The model's layers that an adapter's targets are parts of: parts of one layer together, in the order of their rows.
 */
function adaptedLayers(
  model: SamModel,
  targets: ReadonlyMap<string, { outDim: number }>,
  path: string,
): AdaptedLayer[] {
  const layers = new Map<string, AdaptedLayer['parts']>()
  for (const [name, { outDim }] of targets) {
    const part = partOf(name)
    const layer = part?.layer ?? name
    const start = part ? 'qkv'.indexOf(part.part) * outDim : 0
    layers.set(layer, [...(layers.get(layer) ?? []), { name, start, end: start + outDim }])
  }
  return [...layers].map(([layer, parts]) => {
    const linear = model.linears.get(layer)
    if (!linear) throw new UserError(`${path}: it adapts ${layer}, which is no linear layer that wgsam adapts`)
    return { path: layer, linear, parts: parts.sort((a, b) => a.start - b.start) }
  })
}

function concatenate(arrays: Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  arrays.reduce((at, array) => (all.set(array, at), at + array.length), 0)
  return all
}
