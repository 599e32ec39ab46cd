/**
 * @file Which of nested masks are removed. A cluster is removed in favour of the particles inside it, a fragment in favour
 * of its particle; where size alone does not decide, predicted IoU does:
 *
 *   masks inside the larger one          the larger one is removed if, in predicted IoU,
 *   two or more, half its area or more   they are better, or at most 0.05 worse
 *   one, half its area or more           it is better
 *   less than half its area              they are better by more than 0.05
 *
 * Otherwise those inside are removed. Masks are considered from the smallest up, so a fragment is removed before its
 * particle is counted as part of a cluster. The score of several masks is their mean weighted by area; of masks inside
 * that overlap each other, only the better ones count.
 */
import type { CandidateMeasures } from './candidate'
import type { OverlapIndex } from './overlap-index'

/** The difference in predicted IoU that outweighs size. */
const MARGIN = 0.05

/**
 * The indices that are removed, of those in `alive`.
 * @param threshold a mask is inside another if it shares more than this fraction of its pixels
 */
export function suppressNested(
  candidates: readonly CandidateMeasures[],
  alive: readonly number[],
  overlaps: OverlapIndex,
  threshold: number,
): Set<number> {
  const stays = new Uint8Array(candidates.length)
  for (const i of alive) stays[i] = 1
  const bySize = (a: number, b: number) => candidates[a].area - candidates[b].area || b - a
  for (const large of [...alive].sort(bySize)) {
    const inside: number[] = []
    overlaps.forEach(large, (other, shared) => {
      if (stays[other] && bySize(other, large) < 0 && shared > threshold * candidates[other].area) inside.push(other)
    })
    if (!inside.length) continue
    const removed = removesLarger(candidates, large, inside, overlaps) ? [large] : inside
    for (const i of removed) stays[i] = 0
  }
  return new Set(alive.filter((i) => !stays[i]))
}

/** True if the larger mask is removed, false if those inside it are. */
function removesLarger(
  candidates: readonly CandidateMeasures[],
  large: number,
  inside: number[],
  overlaps: OverlapIndex,
): boolean {
  const parts = withoutRivals(candidates, inside, overlaps)
  const area = parts.reduce((sum, i) => sum + candidates[i].area, 0)
  const score = parts.reduce((sum, i) => sum + candidates[i].area * candidates[i].predictedIou, 0) / area
  const better = score - candidates[large].predictedIou
  if (area < candidates[large].area / 2) return better > MARGIN
  return parts.length > 1 ? better >= -MARGIN : better > 0
}

/** Of masks that share more than half of the smaller one, the one with the higher predicted IoU. */
function withoutRivals(candidates: readonly CandidateMeasures[], inside: number[], overlaps: OverlapIndex): number[] {
  const order = [...inside].sort((a, b) => candidates[b].predictedIou - candidates[a].predictedIou || a - b)
  const parts = new Set<number>()
  for (const i of order) {
    const rival = overlaps.some(
      i,
      (k, shared) => parts.has(k) && shared > Math.min(candidates[i].area, candidates[k].area) / 2,
    )
    if (!rival) parts.add(i)
  }
  return [...parts]
}
