/**
 * @file Values that wait in memory as halves (f16): frozen weights between their uses, and what the forward pass leaves for
 * the backward. All arithmetic stays f32: a half is expanded right before it is used, so that no kernel knows of it.
 */
import shader from '../../shaders/f16-storage.wgsl'
import type { Dispatch, Recorder } from './dispatch'
import { runsOf } from './lane-rounds'
import { type Storage, Tensor, halvable } from '../device/tensor'

/** Records `words` = halves of `x`, elements two a word. */
function pack(g: Recorder, x: Tensor, words: Tensor): void {
  const count = x.size / 4
  const { rounds, grid } = runsOf(g.engine, count)
  g.dispatch(shader, 'pack', { x, words }, { count, rounds }, grid)
}

/** Records y = the values of halves, two of them in each of `words`. */
export function unpack(g: Recorder, words: Tensor, y: Tensor): void {
  const count = y.size / 4
  const { rounds, grid } = runsOf(g.engine, count)
  g.dispatch(shader, 'unpack', { packed_words: words, y }, { count, rounds }, grid)
}

interface Life {
  /** The last dispatch before `middle` that touches it, and the first one after. */
  forward: number
  backward: number
  written: boolean
}

/**
 * Of all dispatches, those from `middle` on being the backward pass: activations that wait from one to the other wait as
 * halves. They are packed after the forward pass's last use and expanded before the backward pass's first; what the forward
 * pass computes is unchanged. Statistics, gradients and what the host touches stay f32.
 */
export function packWaiting(
  g: Recorder & { readonly dispatches: Dispatch[] },
  kept: ReadonlySet<Storage>,
  middle: number,
): void {
  const all = g.dispatches.splice(0)
  const after = new Map<number, Dispatch[]>()
  const before = new Map<number, Dispatch[]>()
  /** Records one dispatch for a place among the others. */
  const recorded = (places: Map<number, Dispatch[]>, index: number, record: () => void) => {
    record()
    places.set(index, [...(places.get(index) ?? []), ...g.dispatches.splice(0)])
  }
  const expanded = new Map<Storage, Storage>()
  for (const [storage, { forward, backward, written }] of livesOf(all, middle)) {
    const elements = storage.bytes / 4
    const waits = forward >= 0 && backward >= 0 && !written
    if (!waits || storage.buffer || kept.has(storage) || storage.kind !== 'activation' || !halvable(elements)) continue
    const words = g.tensor(`${storage.label}: halves`, [elements / 2])
    const again = g.tensor(storage.label, [elements])
    recorded(after, forward, () => pack(g, new Tensor(storage, [elements]), words))
    recorded(before, backward, () => unpack(g, words, again))
    expanded.set(storage, again.storage)
  }
  all.forEach((dispatch, i) => {
    const late = i >= middle ? { ...dispatch, bindings: rebound(dispatch.bindings, expanded) } : dispatch
    g.dispatches.push(...(before.get(i) ?? []), late, ...(after.get(i) ?? []))
  })
}

function livesOf(dispatches: readonly Dispatch[], middle: number): Map<Storage, Life> {
  const lives = new Map<Storage, Life>()
  dispatches.forEach(({ bindings }, i) => {
    for (const { tensor, writes } of bindings) {
      const life = lives.get(tensor.storage) ?? { forward: -1, backward: -1, written: false }
      lives.set(tensor.storage, life)
      if (i < middle) life.forward = i
      else {
        if (life.backward < 0) life.backward = i
        life.written ||= writes
      }
    }
  })
  return lives
}

const rebound = (bindings: Dispatch['bindings'], to: ReadonlyMap<Storage, Storage>): Dispatch['bindings'] =>
  bindings.map((binding) => {
    const { shape, elementOffset, storage } = binding.tensor
    const other = to.get(storage)
    return other ? { ...binding, tensor: new Tensor(other, shape, elementOffset) } : binding
  })
