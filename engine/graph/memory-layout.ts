/**
 * @file Static memory planning: assigns every intermediate of a recorded step a range of bytes in one of a few buffers
 * (arenas). A tensor is live from the dispatch that first writes it to the last that uses it; tensors that are never live
 * at the same time may share bytes. WebGPU forbids binding one buffer for both reading and writing in a dispatch, so a
 * tensor that a dispatch writes is never in the same arena as one that it reads: assigning arenas is a graph colouring.
 */
import type { Dispatch } from './dispatch'
import type { Storage, TensorKind } from '../device/tensor'

export interface Placement {
  storage: Storage
  /** Index of the arena. */
  arena: number
  /** Bytes from the arena's start. */
  offset: number
  /** Indices of the first and the last dispatch between which the storage is live. */
  first: number
  last: number
}

export interface MemoryLayout {
  /** Bytes of each arena. */
  arenas: number[]
  placements: Placement[]
  /** The number of dispatches. */
  dispatches: number
  /** Bytes of intermediates by kind, as if no two shared memory. */
  intermediateBytes: Partial<Record<TensorKind, number>>
  /** Bytes of all arenas. */
  arenaBytes: number
  /** Maximum bytes live at one dispatch: a lower bound for any placement. */
  liveBytes: number
  /** The tensor with the largest binding, persistent tensors included. */
  largest: { label: string; bytes: number }
}

/**
 * Plans the memory of a step. Storages in `kept` are live through the whole step. Placements start at multiples of `align`
 * bytes; an arena has at most `maxArena` bytes.
 * @throws Error if a dispatch reads an intermediate that nothing wrote, or binds one tensor for both reading and writing
 */
export function planMemory(
  dispatches: readonly Dispatch[],
  kept: ReadonlySet<Storage>,
  align: number,
  maxArena: number,
): MemoryLayout {
  const lives = new Map<Storage, Placement>()
  const conflicts = new Map<Storage, Set<Storage>>()
  const addConflict = (a: Storage, b: Storage) => {
    if (!conflicts.has(a)) conflicts.set(a, new Set())
    conflicts.get(a)!.add(b)
  }
  for (const storage of kept) {
    if (!storage.buffer) lives.set(storage, { storage, arena: -1, offset: 0, first: 0, last: dispatches.length })
  }
  dispatches.forEach(({ bindings, label }, index) => {
    for (const { tensor, writes } of bindings) {
      const { storage } = tensor
      for (const other of bindings) {
        if (other.writes === writes) continue
        const theirs = other.tensor.storage
        if (theirs === storage || (theirs.buffer && theirs.buffer === storage.buffer))
          throw new Error(`${label}: ${storage.label} is bound for reading and for writing at once`)
        addConflict(storage, theirs)
      }
      if (storage.buffer) continue
      const life = lives.get(storage)
      if (life) life.last = Math.max(life.last, index)
      else {
        if (!writes) throw new Error(`${label} reads ${storage.label}, which nothing has written`)
        lives.set(storage, { storage, arena: -1, offset: 0, first: index, last: index })
      }
    }
  })

  const tries = ORDERS.map((order) => place([...lives.values()].sort(order), conflicts, align, maxArena))
  const { placements, arenas } = tries.reduce((best, other) =>
    total(other.arenas) < total(best.arenas) ? other : best,
  )
  const intermediateBytes: MemoryLayout['intermediateBytes'] = {}
  for (const { storage } of placements) {
    intermediateBytes[storage.kind] = (intermediateBytes[storage.kind] ?? 0) + storage.bytes
  }
  return {
    arenas,
    placements,
    dispatches: dispatches.length,
    intermediateBytes,
    arenaBytes: total(arenas),
    liveBytes: liveBytes(placements, dispatches.length),
    largest: largestBinding(dispatches),
  }
}

const total = (arenas: readonly number[]): number => arenas.reduce((sum, bytes) => sum + bytes, 0)

const duration = ({ first, last }: Placement): number => last - first + 1

/**
 * Orders in which tensors are placed: by bytes, by bytes times lifetime, or by lifetime, in dispatches, the largest first.
 * None is best for every step, so all are tried and the smallest result is used. Ties are broken by the first use, so that
 * the same step always gets the same layout.
 */
const ORDERS: ((a: Placement, b: Placement) => number)[] = [
  (a, b) => b.storage.bytes - a.storage.bytes || duration(b) - duration(a) || a.first - b.first,
  (a, b) => b.storage.bytes * duration(b) - a.storage.bytes * duration(a) || a.first - b.first,
  (a, b) => duration(b) - duration(a) || b.storage.bytes - a.storage.bytes || a.first - b.first,
]

/** Places tensors greedily in the given order, each where the arenas grow least. */
function place(
  order: readonly Placement[],
  conflicts: ReadonlyMap<Storage, ReadonlySet<Storage>>,
  align: number,
  maxArena: number,
): { placements: Placement[]; arenas: number[] } {
  /** `placed` is sorted by offset. */
  const arenas: { size: number; placed: Placement[] }[] = []
  const placements = order.map((unplaced) => {
    const life = { ...unplaced }
    const bytes = Math.ceil(life.storage.bytes / align) * align
    const excluded = conflicts.get(life.storage)
    let best: { arena: number; offset: number; growth: number } | null = null
    for (let arena = 0; arena <= arenas.length; arena++) {
      if (arena === arenas.length) arenas.push({ size: 0, placed: [] })
      const { size, placed } = arenas[arena]
      if (excluded && placed.some((p) => excluded.has(p.storage))) continue
      const offset = lowestGap(placed, life, bytes, align)
      if (offset + bytes > maxArena && placed.length) continue
      const growth = Math.max(0, offset + bytes - size)
      if (!best || growth < best.growth) best = { arena, offset, growth }
      if (growth === 0 || arena === arenas.length - 1) break
    }
    life.arena = best!.arena
    life.offset = best!.offset
    const arena = arenas[best!.arena]
    arena.size += best!.growth
    insert(arena.placed, life)
    return life
  })
  return { placements, arenas: arenas.map(({ size }) => size).filter((size) => size > 0) }
}

function liveBytes(placements: readonly Placement[], dispatches: number): number {
  const change = new Float64Array(dispatches + 2)
  for (const { first, last, storage } of placements) {
    change[first] += storage.bytes
    change[last + 1] -= storage.bytes
  }
  let live = 0
  return change.reduce((max, by) => Math.max(max, (live += by)), 0)
}

function largestBinding(dispatches: readonly Dispatch[]): MemoryLayout['largest'] {
  let largest = { label: '', bytes: 0 }
  for (const { bindings } of dispatches)
    for (const { tensor } of bindings)
      if (tensor.size * 4 > largest.bytes) largest = { label: tensor.label, bytes: tensor.size * 4 }
  return largest
}

/** The lowest offset at which `bytes` are free during the whole lifetime of `life`; `placed` is sorted by offset. */
function lowestGap(placed: readonly Placement[], life: Placement, bytes: number, align: number): number {
  let offset = 0
  for (const p of placed) {
    if (p.first > life.last || life.first > p.last) continue
    if (offset + bytes <= p.offset) break
    offset = Math.max(offset, Math.ceil((p.offset + p.storage.bytes) / align) * align)
  }
  return offset
}

/** Inserts by binary search, so that `placed` stays sorted by offset. */
function insert(placed: Placement[], life: Placement): void {
  let [low, high] = [0, placed.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (placed[middle].offset <= life.offset) low = middle + 1
    else high = middle
  }
  placed.splice(low, 0, life)
}
