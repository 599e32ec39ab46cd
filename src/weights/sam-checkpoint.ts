/**
 * @file The tensors of a file as those of a SAM: its names found among others, BatchNorms folded, pixel statistics read, values that
 * are not finite refused. It runs in any host.
 */
import type { PixelNorm } from '../../engine/sam/architecture'
import type { WeightSource } from '../../engine/sam/weights'
import { UserError } from '../host/errors'
import { findSam } from './find-sam'
import type { AdapterProfile } from './adapter-profile-format'
import { foldBatchNorms } from './fold-batchnorm'
import { mergedProfile } from './merged-profile'
import { elements, shapeText, type TensorEntry, type TensorFile } from './tensor-file'
import { fromTransformers, isTransformers } from './tensor-names'

/** An open checkpoint of a SAM, its tensors named as in the reference implementation. */
export interface Checkpoint extends TensorFile {
  path: string
  format: 'pth' | 'safetensors' | 'onnx'
  /** By the names of the reference implementation, with BatchNorms folded; reading refuses values that are not finite. */
  tensors: Map<string, TensorEntry>
  /** The file's pixel_mean and pixel_std; null if it has neither. */
  pixels: PixelNorm | null
  /** Names in the file of tensors that are no part of the model. */
  others: string[]
  /** What it knows about itself, if an adapter that knew it was merged into it; else {}. */
  profile: AdapterProfile
}

/** @throws UserError naming the file; the raw file is then closed */
export async function toCheckpoint(path: string, format: Checkpoint['format'], raw: TensorFile): Promise<Checkpoint> {
  try {
    const found = normalise(path, raw.tensors)
    const pixels = await readPixels(path, found.tensors)
    const profile = mergedProfile(path, raw.metadata)
    return { path, format, ...found, pixels, profile, metadata: raw.metadata, close: raw.close }
  } catch (error) {
    await raw.close()
    throw error
  }
}

/**
 * The checkpoint as a source from which the engine loads weights.
 * @example
 * const checkpoint = await openCheckpoint('model.pth')
 * const model = await SamModel.load(engine, weightSource(checkpoint), inferArchitecture(checkpoint))
 * await checkpoint.close()
 */
export function weightSource(checkpoint: Checkpoint): WeightSource {
  return {
    checked: true,
    profile: checkpoint.profile,
    has: (name) => checkpoint.tensors.has(name),
    read: async (name) => {
      const entry = checkpoint.tensors.get(name)
      if (!entry) throw new UserError(`${checkpoint.path}: tensor ${name} is missing`)
      return { shape: entry.shape, data: await entry.read() }
    },
  }
}

function normalise(path: string, raw: ReadonlyMap<string, TensorEntry>): Pick<Checkpoint, 'tensors' | 'others'> {
  const { prefix, names, others } = findSam(path, [...raw.keys()])
  const bare = names.map((name) => name.slice(prefix.length))
  const rename = isTransformers(bare) ? fromTransformers : (name: string) => name
  const named = new Map<string, TensorEntry>()
  for (const name of bare) named.set(rename(name), { ...raw.get(prefix + name)!, name: rename(name) })
  const tensors = new Map<string, TensorEntry>()
  for (const [name, entry] of foldBatchNorms(path, named))
    tensors.set(name, { ...entry, read: () => readFinite(path, entry) })
  return { tensors, others }
}

/** Reads pixel_mean and pixel_std. @throws UserError if there is only one, or they are not three numbers each */
async function readPixels(path: string, tensors: ReadonlyMap<string, TensorEntry>): Promise<PixelNorm | null> {
  const [mean, std] = ['pixel_mean', 'pixel_std'].map((name) => tensors.get(name))
  if (!mean && !std) return null
  const read = async (entry: TensorEntry | undefined, name: string) => {
    if (!entry || elements(entry.shape) !== 3)
      throw new UserError(
        `${path}: ${name} ${entry ? `has the shape ${shapeText(entry.shape)}` : 'is missing'}: pixel_mean and pixel_std are three numbers each`,
      )
    return [...(await entry.read())] as [number, number, number]
  }
  return { mean: await read(mean, 'pixel_mean'), std: await read(std, 'pixel_std') }
}

async function readFinite(path: string, entry: TensorEntry): Promise<Float32Array> {
  // wider integers are tables of positions, such as TinyViT's attention_bias_idxs
  if (!/^(B?F|[IU](16|32|64))/.test(entry.dtype))
    throw new UserError(
      `${path}: tensor ${entry.name} holds values of type ${entry.dtype}, not floats: is the model quantised? Save its weights as float32 or float16.`,
    )
  const data = await entry.read()
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]))
      throw new UserError(`${path}: tensor ${entry.name}: element ${i} is ${data[i]} in f32: the weights are damaged`)
  return data
}
