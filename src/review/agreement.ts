/**
 * @file How far two annotators agree who reviewed the same images independently of each other: what no model can be asked to
 * exceed, because scores against one of them cannot be better than the other person's.
 */
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { type Mask, maskArea } from '../../engine/masks/mask'
import { decodeMask } from '../../engine/masks/rle'
import type { Size } from '../../engine/image/size'
import { UserError } from '../host/errors'
import { type MaskScores, pairMasks, poolScores, scorePairs } from '../../engine/tune/detection'
import { edgeWeight } from '../measure/statistics/edges'
import { liveSizes } from '../measure/statistics/live-sizes'
import { findImages } from '../project/review/image-list'
import { labelsOf } from '../project/review/labels-of'
import { readReviewed } from '../project/review/reviewed-image'
import { textTable } from '../text/table'

export interface ImageAgreement {
  name: string
  /** The second annotator's masks against the first's, as instances. */
  scores: MaskScores
  /** The mean IoU of the masks that both have, at an IoU of at least 0.5; NaN without any. */
  meanIou: number
  /** D50 by number in pixels of the first and of the second; null if no mask lies inside of the image. */
  d50: [number | null, number | null]
}

export interface Agreement {
  annotator: string
  images: ImageAgreement[]
  scores: MaskScores
  meanIou: number
  /** Images that only one of the two has accepted. */
  waiting: string[]
}

/** The lowest IoU at which two masks are of the same particle. */
const SAME = 0.5

/** @throws UserError if there is no image that both have accepted */
export async function agreement(dir: string, annotator: string): Promise<Agreement> {
  const second = new Map((await findImages(dir, annotator)).map((image) => [image.name, image]))
  const images: ImageAgreement[] = []
  const waiting: string[] = []
  const all: number[] = []
  for (const image of await findImages(dir)) {
    if (image.problem) continue
    const [one, two] = [await readReviewed(dir, image), await readReviewed(dir, second.get(image.name)!)]
    const accepted = [one, two].filter(({ document }) => document.state === 'accepted').length
    if (accepted === 1) waiting.push(image.name)
    if (accepted < 2) continue
    const { labels } = labelsOf(one.document)
    // as label maps, so that overlaps are decided in the same way for both
    const [first, other] = [one, two].map(({ document }) =>
      document.masks.map(({ segmentation }) => decodeMask(segmentation)),
    )
    const overlaps = pairMasks(labels, other)
    const ious = matchedIous(overlaps.pairs)
    all.push(...ious)
    images.push({
      name: image.name,
      scores: scorePairs(overlaps),
      meanIou: mean(ious),
      d50: [d50(first, one.info), d50(other, one.info)],
    })
  }
  if (!images.length)
    throw new UserError(
      `there is no image that both you and ${annotator} have accepted: accept images in both reviews, then compare` +
        (waiting.length ? `; only one of you has accepted ${waiting.join(', ')}` : ''),
    )
  return { annotator, images, scores: poolScores(images.map(({ scores }) => scores)), meanIou: mean(all), waiting }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** IoUs of pairs, each mask and each instance in one at most, the best first. */
function matchedIous(pairs: readonly { mask: number; instance: number; iou: number }[]): number[] {
  const [masks, instances] = [new Set<number>(), new Set<number>()]
  const ious: number[] = []
  for (const { mask, instance, iou } of pairs) {
    if (iou < SAME || masks.has(mask) || instances.has(instance)) continue
    masks.add(mask)
    instances.add(instance)
    ious.push(iou)
  }
  return ious
}

function d50(masks: readonly Mask[], size: Size): number | null {
  const weights = masks.map((mask) => {
    const { x0, y0, width, height } = mask
    const touches = x0 === 0 || y0 === 0 || x0 + width === size.width || y0 + height === size.height
    return edgeWeight('correct', size, mask, touches)
  })
  const diameters = masks.map((mask) => equivalentDiameter(maskArea(mask)))
  return liveSizes(diameters, { weights })?.number.d50 ?? null
}

/** The agreement for a terminal. */
export function describeAgreement({ annotator, images, scores, meanIou, waiting }: Agreement): string {
  const percent = (value: number) => (Number.isFinite(value) ? (100 * value).toFixed(1) : '-')
  const pixels = (value: number | null) => (value === null ? '-' : value.toFixed(1))
  const cells = (score: MaskScores, iou: number) => [
    String(score.instances),
    String(score.masks),
    ...score.at.map(({ f1 }) => percent(f1)),
    percent(iou),
  ]
  const rows = [
    [
      'image',
      'your masks',
      `${annotator}’s`,
      ...scores.at.map(({ iou }) => `F1 ${iou}`),
      'mean IoU',
      'D50 px',
      'D50 px',
    ],
    ...images.map(({ name, scores: own, meanIou: iou, d50: [first, second] }) => [
      name,
      ...cells(own, iou),
      pixels(first),
      pixels(second),
    ]),
    ['all', ...cells(scores, meanIou), '', ''],
  ]
  return [
    textTable(rows, 1),
    '\nF1 and IoU in percent. A model that is compared with one of you cannot be expected to score higher than this.',
    ...(waiting.length ? [`only one of you has accepted: ${waiting.join(', ')}`] : []),
  ].join('\n')
}
