/** @file Where masks of a review can be clicked, and how large they are. */
import type { Point } from '../../engine/image/box'
import { squaredDistance } from '../../engine/masks/distance-transform'
import { maskArea } from '../../engine/masks/mask'
import { decodeMask } from '../../engine/masks/rle'
import type { ReviewDocument } from '../../src/project/review/document'
import type { ReviewMask } from '../../src/project/review/review-records'
import { deepest } from '../../src/review/page/masks/shape'

type Masks = Pick<ReviewDocument, 'masks'>

/** A pixel well inside a mask. */
export function middle({ segmentation }: Pick<ReviewMask, 'segmentation'>): Point {
  const mask = decodeMask(segmentation)
  const [x, y] = deepest(mask, squaredDistance(mask.data, mask.width, mask.height))
  return [Math.floor(x), Math.floor(y)]
}

/** Masks from large to small whose middle is not covered by a smaller mask. */
export function visible(document: Masks): ReviewMask[] {
  const masks = document.masks.map((mask) => ({ mask, shape: decodeMask(mask.segmentation), at: middle(mask) }))
  const covers = ({ shape: s }: (typeof masks)[0], [x, y]: Point) =>
    s.data[(y - s.y0) * s.width + x - s.x0] === 1 && x >= s.x0 && x < s.x0 + s.width && y >= s.y0
  return masks
    .filter(
      (one) =>
        !masks.some((other) => other !== one && covers(other, one.at) && maskArea(other.shape) <= maskArea(one.shape)),
    )
    .sort((a, b) => maskArea(b.shape) - maskArea(a.shape))
    .map(({ mask }) => mask)
}

export const area = (mask: ReviewMask) => maskArea(decodeMask(mask.segmentation))

/** The number of pixels that a mask shares with others. */
export function overlapOf(mask: ReviewMask, { masks }: Masks): number {
  const own = decodeMask(mask.segmentation)
  let shared = 0
  for (const other of masks.filter(({ id, origin }) => id !== mask.id && origin === 'proposal')) {
    const o = decodeMask(other.segmentation)
    for (let y = Math.max(own.y0, o.y0); y < Math.min(own.y0 + own.height, o.y0 + o.height); y++)
      for (let x = Math.max(own.x0, o.x0); x < Math.min(own.x0 + own.width, o.x0 + o.width); x++)
        shared += own.data[(y - own.y0) * own.width + x - own.x0] & o.data[(y - o.y0) * o.width + x - o.x0]
  }
  return shared
}
