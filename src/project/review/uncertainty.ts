/** @file How unsure the model was of an image's masks, and the order in which people review: first where it was most unsure. */
import type { ReviewMask } from './review-records'

/**
 * 1 minus the mean, over the masks that the model proposed and nobody edited, of the IoU that is expected of each (calibrated where that is known,
 * else as predicted) times its stability. An image without masks counts as 1: the model found nothing that it was sure of.
 * Null if no mask has such measures, because a person drew all of them.
 */
export function uncertaintyOf(masks: readonly ReviewMask[]): number | null {
  if (!masks.length) return 1
  let [sum, count] = [0, 0]
  for (const { predictedIou, calibratedIou, stability } of masks) {
    const iou = calibratedIou ?? predictedIou
    if (iou === null) continue
    // a predicted IoU may leave 0 to 1 by a little
    sum += Math.min(1, Math.max(0, iou)) * (stability ?? 1)
    count++
  }
  return count ? 1 - sum / count : null
}

/** A copy with the images of which the model was least sure first; those without a measure come last, equal ones stay as they are. */
export const leastSureFirst = <T extends { readonly uncertainty: number | null }>(images: readonly T[]): T[] =>
  [...images].sort((a, b) => (b.uncertainty ?? -1) - (a.uncertainty ?? -1))
