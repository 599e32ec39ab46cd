/** @file Merges an adapter into the weights of its model, tensor by tensor as they are read. It runs in any host, without a GPU. */
import type { WeightSource } from '../../engine/sam/weights'
import { isHeadTensor } from '../../engine/sam/prompt-head'
import {
  type AnyAdapter,
  type Difference,
  type FullAdapter,
  isDifference,
  type LoraPair,
  partOf,
  scaleOf,
} from '../../engine/train/adapter'
import type { AdapterContent } from './adapter-content'
import { checkContent } from './adapter-content'
import { fusedRow, fuseQkv } from './fused-qkv'
import type { OpenedWeights } from './open-weights'
import { elements, type TensorEntry } from './tensor-file'

/** Weights with an adapter in them. */
export interface MergedWeights extends OpenedWeights {
  /** The names of the tensors that the adapter changes. */
  changed: string[]
  /** True if the adapter's prompt head was added. */
  promptHead: boolean
}

/**
 * The weights of a model with an adapter merged into them: loaded as any others, or written by `weightsFile`. A tensor is merged when it
 * is read; those that are not adapted stay as they are. The adapter's prompt head, if it has one, is added as tensors `prompt_head.*`, and
 * what it knows about itself becomes the profile of the weights.
 * The result is closed by closing `opened`.
 * @throws UserError if the adapter belongs to another model
 * @example
 * const merged = mergeAdapter(await openWeights('model.pth'), await openAdapter(files))
 * download(await weightsFile(merged), 'merged.safetensors')
 */
export function mergeAdapter(opened: OpenedWeights, content: AdapterContent): MergedWeights {
  checkContent(content, opened.architecture, opened.name)
  const changes = changesOf(content.adapter)
  const head = content.head ?? []
  // the adapter's prompt head replaces one that the weights have
  const tensors = new Map<string, TensorEntry>()
  for (const [name, entry] of opened.tensors) {
    if (head.length && isHeadTensor(name)) continue
    const change = changes.get(name)
    tensors.set(name, change ? { ...entry, dtype: 'F32', read: async () => change(await entry.read()) } : entry)
  }
  for (const { name, shape, data } of head) tensors.set(name, { name, shape, dtype: 'F32', read: async () => data })
  const { profile = {} } = content
  const weights: WeightSource = {
    checked: true,
    profile,
    has: (name) => tensors.has(name),
    read: async (name) => {
      const entry = tensors.get(name)
      return entry ? { shape: entry.shape, data: await entry.read() } : opened.weights.read(name)
    },
  }
  const bytes = [...tensors.values()].reduce((sum, { shape }) => sum + 4 * elements(shape), 0)
  return { ...opened, weights, tensors, bytes, profile, changed: [...changes.keys()], promptHead: head.length > 0 }
}

/** The merged values of a tensor. */
type Change = (weight: Float32Array) => Float32Array

/** The change of each adapted tensor, by its name. Rows are in the checkpoint's order. */
function changesOf(adapter: AnyAdapter): Map<string, Change> {
  if (isDifference(adapter)) return differencesOf(adapter)
  // q, k and v as one adapter of their fused layer
  const { targets } = fuseQkv(adapter)
  const scale = scaleOf(adapter.config)
  return new Map([...targets].map(([target, pair]) => [`${target}.weight`, (weight) => add(weight, pair, scale)]))
}

function differencesOf({ differences }: FullAdapter): Map<string, Change> {
  const changes = new Map<string, Change>()
  for (const [target, difference] of differences) {
    const part = partOf(target)
    const name = `${part?.layer ?? target}.weight`
    const before = changes.get(name)
    const row = part && ((i: number) => fusedRow(part.layer, part.part, i, difference.outDim))
    changes.set(name, (weight) => addRows(before ? before(weight) : weight, difference, row))
  }
  return changes
}

/** W + D, where row i of D belongs to row(i) of W. */
function addRows(weight: Float32Array, { D, inDim }: Difference, row = (i: number) => i): Float32Array {
  const sum = weight.slice()
  D.forEach((d, at) => (sum[row(Math.floor(at / inDim)) * inDim + (at % inDim)] += d))
  return sum
}

/** W + s·B·A, summed in double precision. */
function add(weight: Float32Array, { A, B, r, inDim, outDim }: LoraPair, scale: number): Float32Array {
  const sum = new Float32Array(weight.length)
  const row = new Float64Array(inDim)
  for (let i = 0; i < outDim; i++) {
    row.set(weight.subarray(i * inDim, (i + 1) * inDim))
    for (let j = 0; j < r; j++) {
      const b = scale * B[i * r + j]
      // most elements of a fused adapter's B are zero
      if (b) for (let k = 0, a = j * inDim; k < inDim; k++, a++) row[k] += b * A[a]
    }
    sum.set(row, i * inDim)
  }
  return sum
}
