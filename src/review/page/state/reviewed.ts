/** @file Masks of an image as filters and searches see them: of the open image, or of another one's history. */
import { decodeMask, encodeMask } from '../../../../engine/masks/rle'
import { type Mask, maskArea } from '../../../../engine/masks/mask'
import type { Size } from '../../../../engine/image/size'
import { ReviewDocument } from '../../../project/review/document'
import type { EditKind, LogEntry, ReviewHistory, ReviewMask } from '../../../project/review/review-records'

/** A mask that an edit adds. */
export interface NewMask {
  mask: Mask
  source?: ReviewMask['source']
  predictedIou?: number | null
  calibratedIou?: number | null
  stability?: number | null
}

export interface ReviewedMask {
  id: number
  review: ReviewMask
  mask: Mask
  area: number
}

export interface Reviewed {
  document: Pick<ReviewDocument, 'proposals'>
  entries: readonly LogEntry[]
  masks: ReadonlyMap<number, ReviewedMask>
}

/** True for masks that a person made or changed; false for those that a program proposed, also if a person let it. */
export const isHandMade = ({ review: { origin } }: Pick<ReviewedMask, 'review'>): boolean =>
  origin !== 'proposal' && origin !== 'refilter' && origin !== 'similar'

/** An image that is not open. */
export function reviewedOf({ image, proposals, entries }: ReviewHistory): Reviewed & { document: ReviewDocument } {
  const document = ReviewDocument.replay({ image, proposals, entries })
  const masks = document.masks.map((review): ReviewedMask => {
    const mask = decodeMask(review.segmentation)
    return { id: review.id, review, mask, area: maskArea(mask) }
  })
  return { document, entries, masks: new Map(masks.map((entry) => [entry.id, entry])) }
}

/** The records of an edit's new masks, with ids from `first`. */
export const recordsOf = (kind: EditKind, first: number, masks: readonly NewMask[], size: Size): ReviewMask[] =>
  masks.map(({ mask, source, predictedIou = null, calibratedIou, stability = null }, i) => ({
    id: first + i,
    segmentation: encodeMask(mask, size),
    origin: kind,
    ...(source && { source }),
    predictedIou,
    ...(calibratedIou !== undefined && { calibratedIou }),
    stability,
  }))
