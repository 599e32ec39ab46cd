/** @file Attaches an adapter that is on the host to a model, for inference. Its layers have the same shapes at every input size. */
import { concatenate } from './concatenate'
import type { Engine } from '../device/engine'
import { sameShape, shapeText } from '../device/shape'
import type { Tensor } from '../device/tensor'
import { type HeadTensor, PromptHead, promptHeadShapes } from '../sam/prompt-head'
import type { SamModel } from '../sam/sam-model'
import { SettingError } from '../setting-error'
import { type Adapter, type AnyAdapter, isDifference, partOf, targetsOf } from './adapter'
import type { AttachedAdapter } from './attached-adapter'
import { attachDifferences } from './full-tuning'
import { type AdaptedLayer, attachLora } from './lora'

/**
 * Uploads an adapter and attaches it: what is recorded from now on (`Segmenter.create`, `generate`) uses it. `release` of the result
 * detaches it and frees its GPU memory.
 * @param head the tensors of its prompt head, in PyTorch's layout; none if it has no head
 * @throws SettingError if the model lacks a layer of the adapter, or a layer or the head has another shape · Error if it has another
 *   adapter attached
 * @example
 * const { adapter, head } = await train(model, samples)
 * const attached = await attachAdapter(model, adapter, head)
 */
export async function attachAdapter(
  model: SamModel,
  adapter: AnyAdapter,
  head: readonly HeadTensor[] = [],
): Promise<AttachedAdapter> {
  const { engine } = model
  const layers = adaptedLayers(model, targetsOf(adapter))
  if (head.length) checkHead(model, head)
  const attached = isDifference(adapter)
    ? await attachDifferences(engine, layers, (name) => adapter.differences.get(name)!.D)
    : uploadLora(engine, layers, adapter)
  if (!head.length) return attached
  const byName = new Map(head.map((tensor) => [tensor.name, tensor]))
  const source = { has: (name: string) => byName.has(name), read: async (name: string) => byName.get(name)! }
  attached.useHead(model, await PromptHead.load(engine, source))
  return attached
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
function adaptedLayers(model: SamModel, targets: ReturnType<typeof targetsOf>): AdaptedLayer[] {
  const layers = new Map<string, AdaptedLayer['parts']>()
  for (const [name, { inDim, outDim }] of targets) {
    const part = partOf(name)
    const layer = part?.layer ?? name
    const weight = model.linears.get(layer)?.weight
    const rows = weight && weight.rows / (part ? 3 : 1)
    if (weight && (outDim !== rows || inDim !== weight.columns))
      throw new SettingError(
        `the adapter is not for this model: its matrices of ${name} make ${shapeText([outDim, inDim])}, the model's weight is ${shapeText([rows!, weight.columns])}`,
      )
    const start = part ? 'qkv'.indexOf(part.part) * outDim : 0
    layers.set(layer, [...(layers.get(layer) ?? []), { name, start, end: start + outDim }])
  }
  return [...layers].map(([layer, parts]) => {
    const linear = model.linears.get(layer)
    if (!linear) throw new SettingError(`the adapter adapts ${layer}, which is no linear layer that wgsam adapts`)
    return { path: layer, linear, parts: parts.sort((a, b) => a.start - b.start) }
  })
}

/** @throws SettingError if a tensor of the head is missing, or has another shape than the model's embedding needs */
function checkHead({ architecture }: SamModel, head: readonly HeadTensor[]): void {
  const found = new Map(head.map(({ name, shape }) => [name, shape]))
  for (const [name, shape] of promptHeadShapes(architecture.outChannels, (of) => found.get(of))) {
    const own = found.get(name)
    if (!own || !sameShape(own, shape))
      throw new SettingError(
        `the prompt head is not for this model: ${name} ${own ? `has the shape ${shapeText(own)} instead of ${shapeText(shape)}` : 'is missing'}`,
      )
  }
}
