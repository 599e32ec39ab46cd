/**
 * @file Dead-code elimination for recomputed segments. Recomputing a whole segment would also recompute dispatches whose
 * results the backward pass does not read: mostly the last matrix products, which only the segment's output needs.
 */
import type { Dispatch } from './dispatch'
import type { Storage } from '../device/tensor'

/**
 * Removes from dispatches start..end (exclusive) those that write only intermediates which no later dispatch touches.
 * Tensors that already have a buffer (persistent ones) count as touched.
 */
export function removeDeadDispatches(dispatches: Dispatch[], start: number, end: number): void {
  const touched = new Set<Storage>()
  const touch = ({ bindings }: Dispatch) => bindings.forEach(({ tensor }) => touched.add(tensor.storage))
  dispatches.slice(end).forEach(touch)
  const live: Dispatch[] = []
  for (const dispatch of dispatches.slice(start, end).reverse()) {
    const needed = ({ storage }: { storage: Storage }) => storage.buffer !== null || touched.has(storage)
    if (!dispatch.bindings.some(({ tensor, writes }) => writes && needed(tensor))) continue
    touch(dispatch)
    live.push(dispatch)
  }
  dispatches.splice(start, end - start, ...live.reverse())
}
