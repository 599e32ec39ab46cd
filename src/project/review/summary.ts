/** @file An image's line in the list of images, from its document. */
import type { ImageInfo } from '../file-schemas'
import type { ReviewDocument } from './document'
import { coveredFraction } from './mask-size'
import type { ReviewSummary } from './review-records'
import { uncertaintyOf } from './uncertainty'

/** @param revision of its proposals · @param note a warning about it */
export function summaryOf(
  info: ImageInfo,
  document: ReviewDocument,
  revision: string,
  note: string | null,
): ReviewSummary {
  const { masks, removed, edited, added } = document.counts
  const covered = coveredFraction(document.masks, info)
  return {
    ...{ info, state: document.state, masks, removed, edited, added, covered, problem: null, note, revision },
    comment: document.comment,
    uncertainty: uncertaintyOf(document.proposals),
  }
}
