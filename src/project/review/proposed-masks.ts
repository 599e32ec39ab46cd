/** @file The masks with which a review begins, from the records of proposals. */
import type { ReviewMask } from './review-records'

interface Proposed {
  segmentation: ReviewMask['segmentation']
  predicted_iou: number | null
  calibrated_iou?: number | null
  stability_score: number | null
  origin?: 'watershed' | 'imported'
}

/** With the ids 1 to N, in the order of the records. */
export const proposedMasks = (records: readonly Proposed[]): ReviewMask[] =>
  records.map(({ segmentation, predicted_iou, calibrated_iou, stability_score, origin: source }, i) => ({
    id: i + 1,
    segmentation,
    origin: 'proposal',
    ...(source && { source }),
    // masks that are not a model's have no scores
    predictedIou: source ? null : predicted_iou,
    ...(typeof calibrated_iou === 'number' && { calibratedIou: calibrated_iou }),
    stability: source ? null : stability_score,
  }))
