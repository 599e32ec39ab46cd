/**
 * @file Gives every intermediate of a recorded step its place. A tensor lives from the dispatch that first writes it to
 * the last that touches it; tensors that never live at once share bytes. WebGPU forbids binding one buffer both for
 * reading and for writing in one dispatch, so the arenas are also colours: what a dispatch writes lies in another arena
 * than what it reads.
 */
import type { Dispatch } from './dispatch'
import type { Storage, TensorKind } from '../device/tensor'

export interface Placement {
  storage: Storage
  arena: number
  offset: number
  first: number
  last: number
}

export interface Plan {
  /** Bytes of each arena. */
  arenas: number[]
  placements: Placement[]
  dispatches: number
  /** Bytes of intermediates by kind as if each had its own memory; arenas hold them in `arenaBytes`. */
  intermediateBytes: Partial<Record<TensorKind, number>>
  arenaBytes: number
  /** The most bytes that live at once: no placement could need less. */
  liveBytes: number
  /** The tensor of which one binding spans the most bytes, those in memory of their own included. */
  largest: { label: string; bytes: number }
}

/** Throws where a step reads an intermediate that nothing wrote, or binds one tensor for reading and writing at once. */
export function plan(
  dispatches: readonly Dispatch[],
  kept: ReadonlySet<Storage>,
  align: number,
  maxArena: number,
): Plan {
  const lives = new Map<Storage, Placement>()
  const conflicts = new Map<Storage, Set<Storage>>()
  const clash = (a: Storage, b: Storage) => {
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
        clash(storage, theirs)
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
  const intermediateBytes: Plan['intermediateBytes'] = {}
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
 * In which order tensors find their places: the largest, those of the largest area in bytes and dispatches, or the longest
 * kept first. None is best for every step, so all are tried. Ties in order of birth keep the plan the same from run to run.
 */
const ORDERS: ((a: Placement, b: Placement) => number)[] = [
  (a, b) => b.storage.bytes - a.storage.bytes || duration(b) - duration(a) || a.first - b.first,
  (a, b) => b.storage.bytes * duration(b) - a.storage.bytes * duration(a) || a.first - b.first,
  (a, b) => duration(b) - duration(a) || b.storage.bytes - a.storage.bytes || a.first - b.first,
]

/** Puts each tensor, in this order, where the arenas grow least. */
function place(
  order: readonly Placement[],
  conflicts: ReadonlyMap<Storage, ReadonlySet<Storage>>,
  align: number,
  maxArena: number,
): { placements: Placement[]; arenas: number[] } {
  /** `placed` in order of their offsets. */
  const arenas: { size: number; placed: Placement[] }[] = []
  const placements = order.map((unplaced) => {
    const life = { ...unplaced }
    const bytes = Math.ceil(life.storage.bytes / align) * align
    const enemies = conflicts.get(life.storage)
    let best: { arena: number; offset: number; growth: number } | null = null
    for (let arena = 0; arena <= arenas.length; arena++) {
      if (arena === arenas.length) arenas.push({ size: 0, placed: [] })
      const { size, placed } = arenas[arena]
      if (enemies && placed.some((p) => enemies.has(p.storage))) continue
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
  return change.reduce((most, by) => Math.max(most, (live += by)), 0)
}

function largestBinding(dispatches: readonly Dispatch[]): Plan['largest'] {
  let largest = { label: '', bytes: 0 }
  for (const { bindings } of dispatches)
    for (const { tensor } of bindings)
      if (tensor.size * 4 > largest.bytes) largest = { label: tensor.label, bytes: tensor.size * 4 }
  return largest
}

/** The lowest offset at which `bytes` are free for the whole of `life`; `placed` are in order of their offsets. */
function lowestGap(placed: readonly Placement[], life: Placement, bytes: number, align: number): number {
  let offset = 0
  for (const p of placed) {
    if (p.first > life.last || life.first > p.last) continue
    if (offset + bytes <= p.offset) break
    offset = Math.max(offset, Math.ceil((p.offset + p.storage.bytes) / align) * align)
  }
  return offset
}

function insert(placed: Placement[], life: Placement): void {
  let [low, high] = [0, placed.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (placed[middle].offset <= life.offset) low = middle + 1
    else high = middle
  }
  placed.splice(low, 0, life)
}
