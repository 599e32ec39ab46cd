/** @file Reads an adapter of either kind: LoRA's matrices, or the differences of fully tuned ones. */
import type { Adapter } from './adapter'
import { type FullAdapter, isFull, readFull } from './full-adapter'
import { readAdapter } from './peft'

export type AnyAdapter = Adapter | FullAdapter

export const isDifference = (adapter: AnyAdapter): adapter is FullAdapter => 'differences' in adapter

/** @throws UserError naming file and tensor */
export const readAnyAdapter = async (path: string): Promise<AnyAdapter> =>
  (await isFull(path)) ? readFull(path) : readAdapter(path)

/** Shapes by target, of either kind. */
export const targetsOf = (adapter: AnyAdapter): ReadonlyMap<string, { inDim: number; outDim: number }> =>
  isDifference(adapter) ? adapter.differences : adapter.tensors.targets
