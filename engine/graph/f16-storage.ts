/**
 * @file f16 storage. Frozen weights between their uses, and activations that the backward pass needs, can be stored as f16,
 * which halves their memory. All arithmetic stays f32: tensors are converted by separate dispatches right before use, so no
 * other kernel knows about f16.
 */
import shader from '../../shaders/f16-storage.wgsl'
import type { Dispatch, Recorder } from './dispatch'
import { elementwiseGrid } from './lane-rounds'
import { type Storage, Tensor, eligibleForF16 } from '../device/tensor'

/** Records `words` = `x` as f16, two elements per 32-bit word. */
function pack(g: Recorder, x: Tensor, words: Tensor): void {
  const count = x.size / 4
  const { rounds, grid } = elementwiseGrid(g.engine, count)
  g.dispatch(shader, 'pack', { x, words }, { count, rounds }, grid)
}

/** Records `y` = the f32 values of `words`, which holds two f16 elements per 32-bit word. */
export function unpack(g: Recorder, words: Tensor, y: Tensor): void {
  const count = y.size / 4
  const { rounds, grid } = elementwiseGrid(g.engine, count)
  g.dispatch(shader, 'unpack', { packed_words: words, y }, { count, rounds }, grid)
}

/** Indices of the dispatches that use a storage; -1 if there is none. */
interface Uses {
  lastForward: number
  firstBackward: number
  writtenInBackward: boolean
}

/**
 * Rewrites a recorded step so that activations saved for the backward pass are stored as f16 in between: each is packed
 * after its last use in the forward pass and unpacked before its first use in the backward pass, which starts at dispatch
 * `backwardStart`. The results of the forward pass do not change. Statistics, gradients and tensors in `kept` stay f32.
 */
export function packForBackward(
  g: Recorder & { readonly dispatches: Dispatch[] },
  kept: ReadonlySet<Storage>,
  backwardStart: number,
): void {
  const all = g.dispatches.splice(0)
  const after = new Map<number, Dispatch[]>()
  const before = new Map<number, Dispatch[]>()
  /** Takes the dispatch that `record` records, and notes the index of the dispatch beside which it belongs. */
  const recordBeside = (places: Map<number, Dispatch[]>, index: number, record: () => void) => {
    record()
    places.set(index, [...(places.get(index) ?? []), ...g.dispatches.splice(0)])
  }
  const replaced = new Map<Storage, Storage>()
  for (const [storage, { lastForward, firstBackward, writtenInBackward }] of usesOf(all, backwardStart)) {
    const elements = storage.bytes / 4
    const saved = lastForward >= 0 && firstBackward >= 0 && !writtenInBackward
    const packable =
      !storage.buffer && !kept.has(storage) && storage.kind === 'activation' && !storage.f16 && eligibleForF16(elements)
    if (!saved || !packable) continue
    const words = g.tensor(`${storage.label}: f16`, [elements / 2])
    const unpacked = g.tensor(storage.label, [elements])
    recordBeside(after, lastForward, () => pack(g, new Tensor(storage, [elements]), words))
    recordBeside(before, firstBackward, () => unpack(g, words, unpacked))
    replaced.set(storage, unpacked.storage)
  }
  all.forEach((dispatch, i) => {
    const own = i < backwardStart ? dispatch : { ...dispatch, bindings: rebound(dispatch.bindings, replaced) }
    g.dispatches.push(...(before.get(i) ?? []), own, ...(after.get(i) ?? []))
  })
}

function usesOf(dispatches: readonly Dispatch[], backwardStart: number): Map<Storage, Uses> {
  const all = new Map<Storage, Uses>()
  dispatches.forEach(({ bindings }, i) => {
    for (const { tensor, writes } of bindings) {
      const uses = all.get(tensor.storage) ?? { lastForward: -1, firstBackward: -1, writtenInBackward: false }
      all.set(tensor.storage, uses)
      if (i < backwardStart) uses.lastForward = i
      else {
        if (uses.firstBackward < 0) uses.firstBackward = i
        uses.writtenInBackward ||= writes
      }
    }
  })
  return all
}

const rebound = (bindings: Dispatch['bindings'], replaced: ReadonlyMap<Storage, Storage>): Dispatch['bindings'] =>
  bindings.map((binding) => {
    const { shape, elementOffset, storage } = binding.tensor
    const other = replaced.get(storage)
    return other ? { ...binding, tensor: new Tensor(other, shape, elementOffset) } : binding
  })
