/**
 * @file Which of two masks goes when one lies in the other. A cluster loses against the particles in it, a fragment loses
 * against its particle, and predicted IoU decides what size alone does not:
 *
 *   inside it lie                       the larger mask goes where, in predicted IoU,
 *   two or more, half of it or more     they are better, or at most 0.05 worse
 *   one, half of it or more             it is better
 *   less than half of it                they are better by more than 0.05
 *
 * Otherwise those inside go. Masks are looked at from the smallest up, so a fragment is gone before its particle is counted
 * as part of a cluster. The score of several is their mean by area; of those that overlap each other only the better count.
 */
import type { Scored } from './candidate'
import type { Neighbours } from './overlap-lists'

/** By how much a predicted IoU must differ where size speaks for the other side. */
const MARGIN = 0.05

/** The places that go, of the `alive` ones. `threshold`: lying in means to share more than this part of one's own pixels. */
export function containmentLosers(
  candidates: readonly Scored[],
  alive: readonly number[],
  neighbours: Neighbours,
  threshold: number,
): Set<number> {
  const stays = new Uint8Array(candidates.length)
  for (const i of alive) stays[i] = 1
  const smaller = (a: number, b: number) => candidates[a].area - candidates[b].area || b - a
  for (const large of [...alive].sort(smaller)) {
    const inside: number[] = []
    neighbours.of(large, (other, shared) => {
      if (stays[other] && smaller(other, large) < 0 && shared > threshold * candidates[other].area) inside.push(other)
    })
    if (!inside.length) continue
    const losers = largerGoes(candidates, large, inside, neighbours) ? [large] : inside
    for (const i of losers) stays[i] = 0
  }
  return new Set(alive.filter((i) => !stays[i]))
}

function largerGoes(candidates: readonly Scored[], large: number, inside: number[], neighbours: Neighbours): boolean {
  const parts = separate(candidates, inside, neighbours)
  const area = parts.reduce((sum, i) => sum + candidates[i].area, 0)
  const score = parts.reduce((sum, i) => sum + candidates[i].area * candidates[i].predictedIou, 0) / area
  const better = score - candidates[large].predictedIou
  if (area < candidates[large].area / 2) return better > MARGIN
  return parts.length > 1 ? better >= -MARGIN : better > 0
}

/** The better of those that share more than half of the smaller one. */
function separate(candidates: readonly Scored[], inside: number[], neighbours: Neighbours): number[] {
  const order = [...inside].sort((a, b) => candidates[b].predictedIou - candidates[a].predictedIou || a - b)
  const parts = new Set<number>()
  for (const i of order) {
    const rival = neighbours.of(
      i,
      (k, shared) => parts.has(k) && shared > Math.min(candidates[i].area, candidates[k].area) / 2,
    )
    if (!rival) parts.add(i)
  }
  return [...parts]
}
