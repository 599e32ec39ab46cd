/** @file Which of the masks that a search found are new particles. */
import { regionsOverlap } from '../../../../engine/image/box'
import { type Mask, maskRegion } from '../../../../engine/masks/mask'
import { maskOverlap } from '../../../../engine/masks/mask-algebra'
import type { ReviewedMask } from './reviewed'

export interface SimilarFound {
  mask: Mask
  area: number
  predictedIou: number
  stability: number
  similarity: number
}

/** The share of the smaller of two masks from which they are the same particle. */
const SHARED = 0.5

/**
 * The masks to add: those at least as similar as asked, without those that share more than half of the smaller mask with one that
 * is there, or with a better one.
 */
export function newParticles(
  found: readonly SimilarFound[],
  existing: Iterable<Pick<ReviewedMask, 'mask' | 'area'>>,
  similarity: number,
): SimilarFound[] {
  const taken = [...existing].filter(({ mask }) => mask.width > 0)
  const score = (one: SimilarFound) => one.similarity + one.predictedIou
  const kept: SimilarFound[] = []
  for (const one of found.filter((f) => f.similarity >= similarity).sort((a, b) => score(b) - score(a))) {
    const region = maskRegion(one.mask)
    const rival = taken.some(
      ({ mask, area }) =>
        regionsOverlap(region, maskRegion(mask)) && maskOverlap(mask, one.mask) > SHARED * Math.min(area, one.area),
    )
    if (rival) continue
    kept.push(one)
    taken.push(one)
  }
  return kept
}
