/** @file Finds masks that are duplicates, and pairs of masks that share pixels. */
import type { PackedMask } from '../masks/bit-mask'
import type { Overlap, CandidateMeasures } from './candidate'

/** Counts the pixels that masks pairs[2i] and pairs[2i + 1] share: on the GPU (OverlapCounter) or on the host. */
export type CountShared = (pairs: Uint32Array) => Promise<ArrayLike<number>> | ArrayLike<number>

export interface PackedMeasures extends CandidateMeasures {
  bits: PackedMask
}

/** The approximate number of pairs counted in one batch. */
const PAIRS = 1 << 14

/**
 * The indices of the masks that are kept, in descending order of predicted IoU, the earlier of equal ones first: no mask is
 * kept whose IoU with a better one that is kept exceeds `threshold`.
 * @param comparable returns true for two masks that may be duplicates; by default all may be
 */
export async function suppressDuplicates(
  masks: readonly PackedMeasures[],
  threshold: number,
  count: CountShared,
  comparable: (a: PackedMeasures, b: PackedMeasures) => boolean = () => true,
): Promise<number[]> {
  const order = masks.map((_, i) => i).sort((a, b) => masks[b].predictedIou - masks[a].predictedIou || a - b)
  if (threshold >= 1) return order
  const removed = new Uint8Array(masks.length)
  const kept: number[] = []
  const rank = new Uint32Array(masks.length)
  order.forEach((mask, i) => (rank[mask] = i))
  // masks with a high IoU have similar areas, so they are near each other in this list
  const byArea = masks.map((_, i) => i).sort((a, b) => masks[a].area - masks[b].area)
  const firstOf = (area: number) => {
    let [from, to] = [0, byArea.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (masks[byArea[middle]].area < area) from = middle + 1
      else to = middle
    }
    return from
  }
  for (let next = 0; next < order.length;) {
    // a batch: the best remaining masks, until there are enough pairs to count; it removes some of the next
    const leaders: { mask: number; rivals: number[] }[] = []
    for (let pairs = 0; next < order.length && pairs < PAIRS; next++) {
      const mask = order[next]
      if (removed[mask]) continue
      const rivals: number[] = []
      const { area } = masks[mask]
      for (let at = firstOf(area * threshold); at < byArea.length; at++) {
        const rival = byArea[at]
        if (masks[rival].area * threshold > area) break
        if (rank[rival] <= next || removed[rival] || maxIou(masks[mask], masks[rival]) <= threshold) continue
        if (comparable(masks[mask], masks[rival])) rivals.push(rival)
      }
      leaders.push({ mask, rivals })
      pairs += rivals.length
    }
    const shared = await count(
      Uint32Array.from(leaders.flatMap(({ mask, rivals }) => rivals.flatMap((r) => [mask, r]))),
    )
    let at = 0
    for (const { mask, rivals } of leaders) {
      const stays = !removed[mask]
      if (stays) kept.push(mask)
      for (const rival of rivals) {
        const pixels = shared[at++]
        if (stays && pixels / (masks[mask].area + masks[rival].area - pixels) > threshold) removed[rival] = 1
      }
    }
  }
  return kept
}

/** An upper bound of the IoU of two masks, from their areas and boxes. */
function maxIou(a: CandidateMeasures, b: CandidateMeasures): number {
  const smaller = Math.min(a.area, b.area)
  const width = Math.min(a.box.x1, b.box.x1) - Math.max(a.box.x0, b.box.x0) + 1
  const height = Math.min(a.box.y1, b.box.y1) - Math.max(a.box.y0, b.box.y0) + 1
  if (width <= 0 || height <= 0) return 0
  const shared = Math.min(smaller, width * height)
  return shared / (a.area + b.area - shared)
}

/** All pairs that share a pixel, sorted by the first index, then the second. */
export async function findOverlaps(masks: readonly PackedMeasures[], count: CountShared): Promise<Overlap[]> {
  const overlaps: Overlap[] = []
  let pairs: number[] = []
  const flush = async () => {
    const chunk = Uint32Array.from(pairs)
    pairs = []
    const shared = await count(chunk)
    for (let i = 0; i < chunk.length / 2; i++) if (shared[i]) overlaps.push([chunk[2 * i], chunk[2 * i + 1], shared[i]])
  }
  // sorted by left edge: a mask that starts right of another's right edge shares no pixel with it
  const order = masks.map((_, i) => i).sort((a, b) => masks[a].box.x0 - masks[b].box.x0)
  for (const [rank, a] of order.entries()) {
    const { y0, x1, y1 } = masks[a].box
    for (let at = rank + 1; at < order.length && masks[order[at]].box.x0 <= x1; at++) {
      const b = order[at]
      const { box } = masks[b]
      if (box.y0 <= y1 && box.y1 >= y0) pairs.push(Math.min(a, b), Math.max(a, b))
    }
    if (pairs.length > 64 * PAIRS) await flush()
  }
  if (pairs.length) await flush()
  return overlaps.sort((p, q) => p[0] - q[0] || p[1] - q[1])
}
