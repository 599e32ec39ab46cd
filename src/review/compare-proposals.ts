/** @file `wgsam review --compare`: scores proposals against the masks that a person accepted. */
import { decodeMask } from '../../engine/masks/rle'
import { UserError } from '../host/errors'
import { type MaskScores, poolScores, scoreMasks } from '../../engine/tune/detection'
import { textTable } from '../text/table'
import { labelsOf } from '../project/review/labels-of'
import { readProposed, readReviewed } from '../project/review/reviewed-image'
import { findImages } from '../project/review/image-list'
import type { LogHeader } from '../project/review/review-records'

export interface ComparedImage {
  name: string
  /** Scores of the proposals that the review began with. */
  before: MaskScores
  /** Scores of the other project's proposals. */
  after: MaskScores
}

export interface ReviewComparison {
  images: ComparedImage[]
  before: MaskScores
  after: MaskScores
  /** Accepted images for which the other project has no proposals. */
  missing: string[]
}

/**
 * Scores the proposals of the project `other`, and those that this review began with, against the accepted masks.
 * @throws UserError if no image is accepted, no image can be compared, or image sizes differ
 */
export async function compareProposals(dir: string, other: string): Promise<ReviewComparison> {
  const images: ComparedImage[] = []
  const missing: string[] = []
  let accepted = 0
  for (const found of await findImages(dir)) {
    if (found.problem) continue
    const { info, document } = await readReviewed(dir, found)
    if (document.state !== 'accepted') continue
    accepted++
    const later = await readProposed(other, found.name)
    if (!later) {
      missing.push(found.name)
      continue
    }
    if (later.image.width !== info.width || later.image.height !== info.height)
      throw new UserError(
        `${found.name} has ${info.width} x ${info.height} pixels here, but ${later.image.width} x ${later.image.height} in ${other}`,
      )
    const { labels } = labelsOf(document)
    const score = (proposals: LogHeader['proposals']) =>
      scoreMasks(
        labels,
        proposals.map(({ segmentation }) => decodeMask(segmentation)),
      )
    images.push({ name: found.name, before: score([...document.proposals]), after: score(later.proposals) })
  }
  if (!accepted) throw new UserError(`${dir} has no accepted image to compare with`)
  if (!images.length)
    throw new UserError(`${other} has proposals for none of the ${accepted} accepted images of ${dir}`)
  return {
    images,
    before: poolScores(images.map(({ before }) => before)),
    after: poolScores(images.map(({ after }) => after)),
    missing,
  }
}

/** The comparison for a terminal, in percent. */
export function describeComparison({ images, before, after, missing }: ReviewComparison): string {
  const percent = (value: number) => (Number.isFinite(value) ? (100 * value).toFixed(1) : '-')
  const cells = ({ masks, instances, countError, at }: MaskScores) => [
    String(instances),
    String(masks),
    percent(countError),
    ...at.flatMap(({ precision, recall }) => [percent(precision), percent(recall)]),
  ]
  const heads = before.at.flatMap(({ iou }) => [`precision ${iou}`, `recall ${iou}`])
  const rows = [
    ['image', 'proposals', 'accepted', 'proposed', 'count error', ...heads],
    ...images.flatMap((image) => [
      [image.name, 'at first', ...cells(image.before)],
      ['', 'now', ...cells(image.after)],
    ]),
    ['all', 'at first', ...cells(before)],
    ['', 'now', ...cells(after)],
  ]
  const lines = [textTable(rows, 2)]
  if (missing.length) lines.push(`\nno proposals to compare: ${missing.join(', ')}`)
  return lines.join('\n')
}
