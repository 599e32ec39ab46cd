/** @file Reads an adapter of either kind: LoRA, or differences of fully fine-tuned matrices. */
import type { AnyAdapter } from '../../engine/train/adapter'
import { isFull, readFull } from './full-adapter'
import { readAdapter } from './peft'

/** Reads an adapter from a folder or file. @throws UserError that names the file and the tensor */
export const readAnyAdapter = async (path: string): Promise<AnyAdapter> =>
  (await isFull(path)) ? readFull(path) : readAdapter(path)
