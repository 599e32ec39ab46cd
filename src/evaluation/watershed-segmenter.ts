/** @file The watershed baseline as a segmenter: automatically, by points, and by boxes. It knows as much as a model would. */
import type { Box } from '../../engine/image/box'
import type { Size } from '../../engine/image/size'
import { emptyMask, maskArea, type Mask, maskContains } from '../../engine/masks/mask'
import type { Sample } from '../../engine/image/sample'
import { otsuThreshold, smoothGray } from './otsu'
import type { Segmenter } from './segmenter'
import { watershedMasks } from './watershed-baseline'

/** A segmenter that computes each image's watershed once, when it is encoded. */
export function watershedSegmenter(): Segmenter {
  let of: Sample | null = null
  let masks: Mask[] = []
  let gray: Float32Array = new Float32Array(0)
  const encode = async (sample: Sample) => {
    if (of === sample) return
    of = sample
    masks = watershedMasks(sample)
    gray = smoothGray(sample.rgb, sample)
  }
  const unscored = (found: Mask[]) => ({ masks: found, scores: found.map(() => null) })
  return {
    encode,
    async prompted(sample, instances, prompt) {
      await encode(sample)
      return unscored(
        instances.map(({ point, ...box }) =>
          prompt === 'box' ? regionInBox(masks, { ...sample, gray }, box) : regionAtPoint(masks, point),
        ),
      )
    },
    automatic: async (sample) => unscored(watershedMasks(sample)),
  }
}

/** The region that contains a pixel; an empty mask if none does. */
export const regionAtPoint = (regions: readonly Mask[], [x, y]: readonly [number, number]): Mask =>
  regions.find((region) => maskContains(region, x, y)) ?? emptyMask

/**
 * The region whose overlap with a box is best (by IoU with all of the box's pixels), clipped to the box. If none overlaps,
 * the brighter or the darker side of Otsu's threshold of the pixels in the box, whichever holds more of the box's centre: a
 * particle fills the middle of its box and leaves the corners free. The whole box if all its pixels are alike.
 */
export function regionInBox(regions: readonly Mask[], image: Size & { gray: Float32Array }, box: Box): Mask {
  let best: Mask | null = null
  let bestIou = 0
  for (const region of regions) {
    const inside = clip(region, box)
    const shared = maskArea(inside)
    if (!shared) continue
    const iou = shared / (maskArea(region) + boxArea(box) - shared)
    if (iou > bestIou) [best, bestIou] = [inside, iou]
  }
  return best ?? otsuInBox(image, box)
}

const boxArea = ({ x0, y0, x1, y1 }: Box): number => (x1 - x0 + 1) * (y1 - y0 + 1)

/** The part of a mask inside a box. */
function clip(mask: Mask, { x0, y0, x1, y1 }: Box): Mask {
  const [left, top] = [Math.max(mask.x0, x0), Math.max(mask.y0, y0)]
  const width = Math.min(mask.x0 + mask.width, x1 + 1) - left
  const height = Math.min(mask.y0 + mask.height, y1 + 1) - top
  if (width <= 0 || height <= 0) return emptyMask
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const start = (top + y - mask.y0) * mask.width + left - mask.x0
    data.set(mask.data.subarray(start, start + width), y * width)
  }
  return { x0: left, y0: top, width, height, data }
}

function otsuInBox({ width: stride, gray }: Size & { gray: Float32Array }, { x0, y0, x1, y1 }: Box): Mask {
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
  const values = new Float32Array(width * height)
  for (let y = 0; y < height; y++) {
    const start = (y0 + y) * stride + x0
    values.set(gray.subarray(start, start + width), y * width)
  }
  const place = { x0, y0, width, height }
  const threshold = otsuThreshold(values)
  if (threshold === null) return { ...place, data: new Uint8Array(values.length).fill(1) }
  const bright = Uint8Array.from(values, (value) => +(value >= threshold))
  // the share of bright pixels in the middle quarter, against that in the whole box
  const share = (left: number, top: number, right: number, bottom: number) => {
    let count = 0
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) count += bright[y * width + x]
    return count / ((right - left) * (bottom - top))
  }
  const [u, v] = [Math.floor(width / 4), Math.floor(height / 4)]
  const centreIsBright = share(u, v, width - u, height - v) >= share(0, 0, width, height)
  return { ...place, data: centreIsBright ? bright : bright.map((value) => 1 - value) }
}
