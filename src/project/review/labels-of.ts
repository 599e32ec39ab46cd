/** @file The label map of a document's masks. */
import { type LabelMap, MAX_LABEL } from '../../../engine/image/label-map'
import { labelMap } from '../../../engine/masks/paint-label-map'
import { decodeMask } from '../../../engine/masks/rle'
import { UserError } from '../../host/errors'
import type { ReviewDocument } from './document'

/**
 * The masks as a label map in which label i is the i-th mask by id, and the ids of masks that smaller ones cover completely.
 * @throws UserError if a label map cannot hold that many masks
 */
export function labelsOf(document: ReviewDocument): { labels: LabelMap; hidden: number[] } {
  const { masks, size } = document
  if (masks.length > MAX_LABEL)
    throw new UserError(
      `it has ${masks.length} masks, and a label map holds ${MAX_LABEL}: remove some, or cut the image`,
    )
  const labels = labelMap(
    masks.map(({ segmentation }) => decodeMask(segmentation)),
    size,
  )
  const seen = new Uint8Array(masks.length + 1)
  for (const label of labels.data) seen[label] = 1
  return { labels, hidden: masks.filter((_, i) => !seen[i + 1]).map(({ id }) => id) }
}
