/** @file How suspicious a mask is: the order in which the list shows masks at first. */
import { isHandMade, type ReviewedMask } from './reviewed'

/**
 * Sum of predicted IoU and stability, lowest first. A watershed's masks come first, because no score speaks for them, the smallest
 * of them first: what it gets wrong are mostly specks and gaps between particles. Other proposals without scores come after those
 * that have them. Masks that a person made are never suspicious: they come last.
 */
export const suspicion = (entry: Pick<ReviewedMask, 'review' | 'area'>): number => {
  const { predictedIou, stability, source } = entry.review
  if (isHandMade(entry)) return 4 + (predictedIou ?? 1.5) + (stability ?? 1.5)
  return source === 'watershed' ? -1 / entry.area : (predictedIou ?? 1.5) + (stability ?? 1.5)
}
