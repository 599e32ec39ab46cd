/** @file Reads an adapter of either kind: LoRA, or differences of fully fine-tuned matrices. */
import type { Adapter } from './adapter'
import { type FullAdapter, isFull, readFull } from './full-adapter'
import { readAdapter } from './peft'

export type AnyAdapter = Adapter | FullAdapter

export const isDifference = (adapter: AnyAdapter): adapter is FullAdapter => 'differences' in adapter

/** Reads an adapter from a folder or file. @throws UserError that names the file and the tensor */
export const readAnyAdapter = async (path: string): Promise<AnyAdapter> =>
  (await isFull(path)) ? readFull(path) : readAdapter(path)

/** The shapes of an adapter's targets. */
export const targetsOf = (adapter: AnyAdapter): ReadonlyMap<string, { inDim: number; outDim: number }> =>
  isDifference(adapter) ? adapter.differences : adapter.tensors.targets
