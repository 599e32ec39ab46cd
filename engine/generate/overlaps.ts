/** @file Which masks are the same one found twice, and which share pixels at all. */
import type { PackedMask } from '../masks/bit-mask'
import type { Overlap, Scored } from './candidate'

/** Counts the pixels shared by masks pairs[2i] and pairs[2i + 1]: on the GPU (OverlapCounter), or on the host. */
export type CountShared = (pairs: Uint32Array) => Promise<ArrayLike<number>> | ArrayLike<number>

export interface Packed extends Scored {
  bits: PackedMask
}

/** Pairs counted at once, about. */
const PAIRS = 1 << 14

/**
 * Places of the masks that stay, by falling predicted IoU, the earlier first of equal ones: none has a higher IoU than
 * `threshold` with one before it. `among` says which masks are compared: all by default.
 */
export async function withoutDuplicates(
  masks: readonly Packed[],
  threshold: number,
  count: CountShared,
  among: (a: Packed, b: Packed) => boolean = () => true,
): Promise<number[]> {
  const order = masks.map((_, i) => i).sort((a, b) => masks[b].predictedIou - masks[a].predictedIou || a - b)
  if (threshold >= 1) return order
  const gone = new Uint8Array(masks.length)
  const kept: number[] = []
  const rank = new Uint32Array(masks.length)
  order.forEach((mask, i) => (rank[mask] = i))
  // masks of a higher IoU are of similar area, so rivals lie near each other in this list
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
    // the best that are left, until there are pairs enough to count; then what they leave
    const leaders: { mask: number; rivals: number[] }[] = []
    for (let pairs = 0; next < order.length && pairs < PAIRS; next++) {
      const mask = order[next]
      if (gone[mask]) continue
      const rivals: number[] = []
      const { area } = masks[mask]
      for (let at = firstOf(area * threshold); at < byArea.length; at++) {
        const rival = byArea[at]
        if (masks[rival].area * threshold > area) break
        if (rank[rival] <= next || gone[rival] || mostIou(masks[mask], masks[rival]) <= threshold) continue
        if (among(masks[mask], masks[rival])) rivals.push(rival)
      }
      leaders.push({ mask, rivals })
      pairs += rivals.length
    }
    const shared = await count(
      Uint32Array.from(leaders.flatMap(({ mask, rivals }) => rivals.flatMap((r) => [mask, r]))),
    )
    let at = 0
    for (const { mask, rivals } of leaders) {
      const stays = !gone[mask]
      if (stays) kept.push(mask)
      for (const rival of rivals) {
        const pixels = shared[at++]
        if (stays && pixels / (masks[mask].area + masks[rival].area - pixels) > threshold) gone[rival] = 1
      }
    }
  }
  return kept
}

/** The most that the IoU of two masks can be, by their areas and boxes. */
function mostIou(a: Scored, b: Scored): number {
  const smaller = Math.min(a.area, b.area)
  const width = Math.min(a.box.x1, b.box.x1) - Math.max(a.box.x0, b.box.x0) + 1
  const height = Math.min(a.box.y1, b.box.y1) - Math.max(a.box.y0, b.box.y0) + 1
  if (width <= 0 || height <= 0) return 0
  const shared = Math.min(smaller, width * height)
  return shared / (a.area + b.area - shared)
}

/** All pairs that share a pixel, by the first, then the second. */
export async function overlapsOf(masks: readonly Packed[], count: CountShared): Promise<Overlap[]> {
  const overlaps: Overlap[] = []
  let pairs: number[] = []
  const flush = async () => {
    const chunk = Uint32Array.from(pairs)
    pairs = []
    const shared = await count(chunk)
    for (let i = 0; i < chunk.length / 2; i++) if (shared[i]) overlaps.push([chunk[2 * i], chunk[2 * i + 1], shared[i]])
  }
  // by their left edges: what begins right of a mask's right edge shares nothing with it
  const order = masks.map((_, i) => i).sort((a, b) => masks[a].box.x0 - masks[b].box.x0)
  for (const [place, a] of order.entries()) {
    const { y0, x1, y1 } = masks[a].box
    for (let at = place + 1; at < order.length && masks[order[at]].box.x0 <= x1; at++) {
      const b = order[at]
      const { box } = masks[b]
      if (box.y0 <= y1 && box.y1 >= y0) pairs.push(Math.min(a, b), Math.max(a, b))
    }
    if (pairs.length > 64 * PAIRS) await flush()
  }
  if (pairs.length) await flush()
  return overlaps.sort((p, q) => p[0] - q[0] || p[1] - q[1])
}
