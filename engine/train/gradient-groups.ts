/**
 * @file Divides the gradients of a step into groups in the order in which its backward pass completes them, so that the first groups can
 * be added to those of other processes while the rest is still being computed.
 */
import type { Dispatch } from '../graph/dispatch'
import type { Tensor } from '../device/tensor'
import type { ParameterSet } from './parameters'

export interface GradientGroup {
  /** The number of dispatches after which the gradients are complete. */
  after: number
  /** The places of its parameters in their set, ascending. */
  members: number[]
  /** Ranges of the set's gradients, in the order of the members. Neighbours share a range. */
  tensors: Tensor[]
}

/** Smallest group, in bytes: each costs a read from the device and an exchange of messages. */
const LEAST_BYTES = 4 << 20
/** The same for each process: a message is a group divided by their number, and must be worth its latency. */
const LEAST_MESSAGE = 64 << 10

/** The smallest size of a group where that many processes exchange gradients. */
export const leastGroupBytes = (processes: number): number => Math.max(LEAST_BYTES, LEAST_MESSAGE * processes)

/**
 * For each parameter of a set the number of dispatches after which none writes its gradient any more.
 * @param dispatches that accumulate the gradients
 */
export function completedAfter(parameters: ParameterSet, dispatches: readonly Dispatch[]): number[] {
  const ranges = parameters.gradientRanges()
  const after = ranges.map(() => 0)
  dispatches.forEach(({ bindings }, i) => {
    for (const { tensor, writes } of bindings) {
      const { buffer, offset } = tensor.storage
      if (!writes || !buffer) continue
      const start = offset / 4 + tensor.elementOffset
      ranges.forEach((range, p) => {
        if (range.arena.storage.buffer === buffer && start < range.end && start + tensor.size > range.start)
          after[p] = i + 1
      })
    }
  })
  return after
}

/**
 * The groups, ordered by completion: as small as can be, but not below `least` bytes, except for the last, which contains the
 * gradients that are complete last.
 * @param after see `completedAfter`
 */
export function gradientGroups(parameters: ParameterSet, after: readonly number[], least: number): GradientGroup[] {
  const ranges = parameters.gradientRanges()
  const order = ranges.map((_, p) => p).sort((a, b) => after[a] - after[b] || a - b)
  const groups: GradientGroup[] = []
  let members: number[] = []
  let bytes = 0
  order.forEach((p, i) => {
    members.push(p)
    bytes += 4 * (ranges[p].end - ranges[p].start)
    const next = order[i + 1]
    if (next !== undefined && (bytes < least || after[next] === after[p])) return
    members.sort((a, b) => a - b)
    groups.push({ after: after[p], members, tensors: joined(members.map((member) => ranges[member])) })
    members = []
    bytes = 0
  })
  return groups
}

/** Views of the arenas, one for each sequence of ranges without a gap. */
function joined(ranges: readonly { arena: Tensor; start: number; end: number }[]): Tensor[] {
  const sequences: { arena: Tensor; start: number; end: number }[] = []
  for (const range of ranges) {
    const last = sequences.at(-1)
    if (last?.arena === range.arena && last.end === range.start) last.end = range.end
    else sequences.push({ ...range })
  }
  return sequences.map(({ arena, start, end }) => arena.slice(start, end))
}

/** A number of 32 bits that differs, but for chance, if groups have other members: processes compare it. */
export function groupsHash(groups: readonly GradientGroup[]): number {
  let hash = 0x811c9dc5
  // FNV-1a
  const add = (value: number) => (hash = Math.imul(hash ^ value, 0x01000193) >>> 0)
  for (const { members } of groups) {
    members.forEach(add)
    add(-1)
  }
  return hash
}
