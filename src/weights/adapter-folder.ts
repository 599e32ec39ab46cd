/** @file The folder of an adapter on disk. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../host/files'
import { type AdapterFiles, type AdapterParts, CONFIG, TENSORS } from './adapter-files'
import { fileSource } from './open-file'
import { writeSafetensors } from './safetensors-writer'

/** The files in a folder. */
export const adapterFolder = (path: string): AdapterFiles => ({
  name: path,
  where: (file) => join(path, file),
  has: (file) => existsSync(join(path, file)),
  open: (file) => fileSource(join(path, file)),
})

/** Writes PEFT's two files into a folder. */
export async function writeParts(folder: string, { tensors, metadata, config }: AdapterParts): Promise<void> {
  await writeSafetensors(join(folder, TENSORS), tensors, metadata)
  await writeFileAtomic(join(folder, CONFIG), config)
}
