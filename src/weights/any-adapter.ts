/** @file Reads an adapter of either kind from disk: LoRA, or differences of fully fine-tuned matrices. */
import { type AnyAdapter, isDifference } from '../../engine/train/adapter'
import { adapterFolder, writeParts } from './adapter-folder'
import { fullParts, isFull, readFull } from './full-adapter'
import { readAdapter, writeAdapter } from './peft'

/** Reads an adapter from a folder or file. @throws UserError that names the file and the tensor */
export async function readAnyAdapter(path: string): Promise<AnyAdapter> {
  const files = adapterFolder(path)
  return (await isFull(files)) ? readFull(files) : readAdapter(path)
}

/** Writes the two files of an adapter into a folder. */
export const writeAnyAdapter = (folder: string, adapter: AnyAdapter): Promise<void> =>
  isDifference(adapter) ? writeParts(folder, fullParts(adapter)) : writeAdapter(folder, adapter)
