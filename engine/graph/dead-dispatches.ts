/** @file Leaves out what a recomputed segment need not compute: its last products mostly, which only its output wanted. */
import type { Dispatch } from './dispatch'
import type { Storage } from '../device/tensor'

/**
 * Removes, of dispatches start..end, those that write only what no later dispatch touches. What lies in memory of its own
 * counts as touched.
 */
export function dropUnread(dispatches: Dispatch[], start: number, end: number): void {
  const touched = new Set<Storage>()
  const touch = ({ bindings }: Dispatch) => bindings.forEach(({ tensor }) => touched.add(tensor.storage))
  dispatches.slice(end).forEach(touch)
  const kept: Dispatch[] = []
  for (const dispatch of dispatches.slice(start, end).reverse()) {
    const wanted = ({ storage }: { storage: Storage }) => storage.buffer !== null || touched.has(storage)
    if (!dispatch.bindings.some(({ tensor, writes }) => writes && wanted(tensor))) continue
    touch(dispatch)
    kept.push(dispatch)
  }
  dispatches.splice(start, end - start, ...kept.reverse())
}
