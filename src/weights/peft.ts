/** @file Adapters in folders of PEFT's two files, read and written. docs/adapters.md has the details. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Adapter } from '../../engine/train/adapter'
import { UserError } from '../host/errors'
import { CONFIG } from './adapter-files'
import { adapterFolder, writeParts } from './adapter-folder'
import { fileSource } from './open-file'
import { peftParts, readPeft } from './peft-format'
import { readSamed } from './samed'

/**
 * Writes the two files into a folder, in a form that PEFT loads whole: the adapters of q, k and v of a fused qkv layer become
 * one adapter of the layer, of higher rank.
 * @example
 * await writeAdapter('adapter', await readAdapter('sam_lora.safetensors'))
 */
export const writeAdapter = async (folder: string, adapter: Adapter): Promise<void> =>
  writeParts(folder, peftParts(adapter, folder))

/**
 * Reads a folder of PEFT's two files, or a file of SAMed or Sam_LoRA (`w_a_000`, ...).
 * @throws UserError that names the file and the tensor
 * @example
 * const { config, tensors } = await readAdapter('runs/first/best')
 */
export async function readAdapter(path: string): Promise<Adapter> {
  const info = await stat(path).catch(() => {
    throw new UserError(`${path}: there is no such adapter`)
  })
  if (!info.isDirectory()) return readSamed(await fileSource(path))
  const own = ['best', 'last'].find((name) => existsSync(join(path, name, CONFIG)))
  if (own && !existsSync(join(path, CONFIG)))
    throw new UserError(`${path} is the folder of a run: its adapter is ${join(path, own)}`)
  return readPeft(adapterFolder(path))
}
