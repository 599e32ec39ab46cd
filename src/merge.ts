/** @file Adds an adapter to its model's weights and writes the sum as a checkpoint: no GPU is needed. */
import { validateAdapter } from './weights/adapter'
import { inferArchitecture, validateCheckpoint } from './weights/architecture'
import { openCheckpoint } from './weights/checkpoint'
import { fuseQkv } from './weights/fused-qkv'
import { type AdapterConfig, type LoraPair, readAdapter } from './weights/peft'
import { writeSafetensors } from './weights/safetensors-writer'

export interface MergeOptions {
  /** Path of the model's checkpoint. */
  model: string
  adapter: string
  out: string
  /** What the shapes of a toy model do not tell. */
  config?: unknown
  onProgress?(done: number, total: number, tensor: string): void
}

export interface Merged {
  tensors: number
  /** The names of those that the adapter changed. */
  changed: string[]
}

/**
 * Writes the merged model as safetensors under the public reference's names; tensors that are not adapted are written as
 * they were read, in f32. @throws UserError where a file cannot be read or they do not belong together
 */
export async function mergeModel({ model, adapter: path, out, config, onProgress }: MergeOptions): Promise<Merged> {
  const adapter = await readAdapter(path)
  const checkpoint = await openCheckpoint(model)
  try {
    const architecture = inferArchitecture(checkpoint, config)
    validateCheckpoint(checkpoint, architecture)
    validateAdapter(path, adapter, architecture)
    // as one adapter of each whole layer, whose rows then are in the checkpoint's order
    const whole = fuseQkv(adapter).adapter
    const pairs = new Map([...whole.tensors.targets].map(([target, pair]) => [`${target}.weight`, pair]))
    let done = 0
    const entries = [...checkpoint.tensors].map(([name, { shape, read }]) => ({
      name,
      shape,
      data: async () => {
        const pair = pairs.get(name)
        const weight = await read()
        const sum = pair ? add(weight, pair, scaleOf(whole.config)) : weight
        onProgress?.(++done, checkpoint.tensors.size, name)
        return sum
      },
    }))
    await writeSafetensors(out, entries, { format: 'pt' })
    return { tensors: entries.length, changed: [...pairs.keys()] }
  } finally {
    await checkpoint.close()
  }
}

const scaleOf = ({ r, lora_alpha, use_rslora }: AdapterConfig) => lora_alpha / (use_rslora ? Math.sqrt(r) : r)

/** W + s·B·A, summed in double precision. */
function add(weight: Float32Array, { A, B, r, inDim, outDim }: LoraPair, scale: number): Float32Array {
  const sum = new Float32Array(weight.length)
  const row = new Float64Array(inDim)
  for (let i = 0; i < outDim; i++) {
    row.set(weight.subarray(i * inDim, (i + 1) * inDim))
    for (let j = 0; j < r; j++) {
      const b = scale * B[i * r + j]
      // a fused adapter's B is mostly zeros
      if (b) for (let k = 0, a = j * inDim; k < inDim; k++, a++) row[k] += b * A[a]
    }
    sum.set(row, i * inDim)
  }
  return sum
}
