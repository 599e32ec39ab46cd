/** @file Which masks are the same one found twice, and which share pixels at all. */
import type { PackedMask } from '../masks/packed'
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
  for (let next = 0; next < order.length;) {
    // the best that are left, until there are pairs enough to count; then what they leave
    const leaders: { mask: number; rivals: number[] }[] = []
    for (let pairs = 0; next < order.length && pairs < PAIRS; next++) {
      const mask = order[next]
      if (gone[mask]) continue
      const rivals: number[] = []
      for (const rival of order.slice(next + 1)) {
        const [a, b] = [masks[mask], masks[rival]]
        if (!gone[rival] && mostIou(a, b) > threshold && among(a, b)) rivals.push(rival)
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
  const width = Math.min(a.box[2], b.box[2]) - Math.max(a.box[0], b.box[0]) + 1
  const height = Math.min(a.box[3], b.box[3]) - Math.max(a.box[1], b.box[1]) + 1
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
  for (let a = 0; a < masks.length; a++) {
    const [x0, y0, x1, y1] = masks[a].box
    for (let b = a + 1; b < masks.length; b++) {
      const box = masks[b].box
      if (box[0] <= x1 && box[2] >= x0 && box[1] <= y1 && box[3] >= y0) pairs.push(a, b)
    }
    if (pairs.length > 64 * PAIRS) await flush()
  }
  if (pairs.length) await flush()
  return overlaps
}
