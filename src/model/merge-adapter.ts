/** @file Merges an adapter into its model's weights and writes them as a checkpoint: no GPU is needed. */
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { type HeadTensor, isHeadTensor } from '../../engine/sam/prompt-head'
import { UserError } from '../host/errors'
import { type LoraPair, partOf, scaleOf } from '../../engine/train/adapter'
import { validateTargets } from '../weights/adapter'
import { TENSORS } from '../weights/adapter-files'
import { type AnyAdapter, isDifference, targetsOf } from '../../engine/train/adapter'
import { readAnyAdapter } from '../weights/any-adapter'
import { inferArchitecture, validateCheckpoint } from '../weights/architecture'
import { openCheckpoint } from '../weights/checkpoint'
import type { Difference, FullAdapter } from '../../engine/train/adapter'
import { fusedRow, fuseQkv } from '../weights/fused-qkv'
import { readPromptHead } from '../weights/prompt-head-file'
import { writeSafetensors } from '../weights/safetensors-writer'

export interface MergeOptions {
  /** Path of the model's checkpoint. */
  model: string
  adapter: string
  out: string
  /** Hyperparameters that cannot be inferred from the shapes of a toy model. */
  config?: unknown
  onProgress?(done: number, total: number, tensor: string): void
}

export interface Merged {
  /** The number of tensors written. */
  tensors: number
  /** The names of the tensors that the adapter changed. */
  changed: string[]
  /** True if the adapter's prompt head was added. */
  promptHead: boolean
}

/**
 * Writes the merged model as safetensors, under the names of the reference implementation; tensors that are not adapted
 * are written unmodified, in f32. The adapter's prompt head, if it has one, is added as tensors `prompt_head.*`.
 * @throws UserError if a file cannot be read, or the adapter belongs to another model
 */
export async function mergeModel({ model, adapter: path, out, config, onProgress }: MergeOptions): Promise<Merged> {
  refuseInput(out, model, 'the model')
  refuseInput(out, join(path, TENSORS), "the adapter's file")
  const adapter = await readAnyAdapter(path)
  const checkpoint = await openCheckpoint(model)
  try {
    const architecture = inferArchitecture(checkpoint, config)
    validateCheckpoint(checkpoint, architecture)
    validateTargets(path, targetsOf(adapter), architecture, {
      trained: adapter.config.base_model_name_or_path,
      asked: model,
    })
    const changes = changesOf(adapter)
    const head = (await readPromptHead(path, architecture.outChannels))?.tensors ?? new Map<string, HeadTensor>()
    let done = 0
    // the adapter's prompt head replaces one that the checkpoint has
    const kept = [...checkpoint.tensors].filter(([name]) => !head.size || !isHeadTensor(name))
    const merged = kept.map(([name, { shape, read }]) => ({
      name,
      shape,
      data: async () => {
        const weight = await read()
        const sum = changes.get(name)?.(weight) ?? weight
        onProgress?.(++done, kept.length, name)
        return sum
      },
    }))
    const entries = [...merged, ...head.values()]
    await writeSafetensors(out, entries, { format: 'pt' })
    return { tensors: entries.length, changed: [...changes.keys()], promptHead: head.size > 0 }
  } finally {
    await checkpoint.close()
  }
}

/** @throws UserError if `out` is a file that is read: merging would replace it */
function refuseInput(out: string, input: string, what: string): void {
  if (existsSync(out) && existsSync(input) && realpathSync(out) === realpathSync(input))
    throw new UserError(`--out ${out} is ${what} itself, which would be lost: name another file`)
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
