/** @file Which mask stands for which instance: the one it was prompted for, or what overlaps it most. */
import type { Mask } from '../../engine/masks/mask'
import type { LabelMap } from '../../engine/image/label-map'
import type { Instance } from '../dataset/instances'
import { type Pair, pairMasks } from './detection'
import { instanceScores } from './pixel-counts'

/** The overlaps at which an instance counts as found: 0.5, 0.55 … 0.95. */
export const iouLevels: readonly number[] = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100)

/** A mask as the precision-recall curve sees it. */
export interface Detection {
  /** How sure the model is; null where whatever made the mask does not say. */
  score: number | null
  /** Bit i: it is a hit at iouLevels[i], when instances are given out in the order of scores. */
  hits: number
}

export interface Matches {
  /** Places of the masks that count, in the list of masks. */
  counted: number[]
  /** Of each instance: the place of its mask in the list of masks, -1 for none. */
  maskOf: number[]
  /** Of each instance: the IoU of that mask, 0 for none. */
  ious: number[]
  /** Of each mask that counts. */
  detections: Detection[]
}

/** Matches of prompted masks: mask i is the answer for instance i and for no other. */
export function promptedMatches(
  labels: LabelMap,
  instances: readonly Instance[],
  masks: readonly Mask[],
  scores: readonly (number | null)[],
): Matches {
  const ious = instances.map((instance, i) => ownIou(labels, instance, masks[i]))
  const places = masks.map((_, i) => i)
  return {
    counted: places,
    maskOf: places,
    ious,
    detections: ious.map((iou, i) => ({ score: scores[i], hits: levelBits(iou) })),
  }
}

/**
 * Matches of masks that were asked for nothing in particular, to the instances of at least `minArea` pixels. Each instance has
 * one mask at most and each mask one instance, the highest IoU first. Masks that say nothing of these instances do not count:
 * those of fewer than `minArea` pixels that reach no IoU of 0.5, and those that lie by more than half on smaller instances.
 */
export function automaticMatches(
  labels: LabelMap,
  masks: readonly Mask[],
  scores: readonly (number | null)[],
  minArea: number,
): Matches {
  const { instances, pairs, areas, uncounted } = pairMasks(labels, masks, minArea)
  const best = new Float64Array(masks.length)
  for (const { mask, iou } of pairs) best[mask] = Math.max(best[mask], iou)
  const counted = masks
    .map((_, m) => m)
    .filter((m) => (areas[m] >= minArea || best[m] >= iouLevels[0]) && 2 * uncounted[m] <= areas[m] && areas[m] > 0)
  const counts = new Uint8Array(masks.length)
  for (const m of counted) counts[m] = 1
  const maskOf = Array<number>(instances).fill(-1)
  const ious = Array<number>(instances).fill(0)
  const used = new Uint8Array(masks.length)
  for (const { mask, instance, iou } of pairs) {
    if (!counts[mask] || used[mask] || maskOf[instance] >= 0) continue
    used[mask] = 1
    maskOf[instance] = mask
    ious[instance] = iou
  }
  return { counted, maskOf, ious, detections: rankedHits(pairs, instances, counted, scores) }
}

/** At each level masks choose in the order of their scores, each the best instance that is left, as COCO's evaluation does it. */
function rankedHits(
  pairs: readonly Pair[],
  instances: number,
  counted: readonly number[],
  scores: readonly (number | null)[],
): Detection[] {
  const byMask = new Map<number, Pair[]>(counted.map((m) => [m, []]))
  for (const pair of pairs) byMask.get(pair.mask)?.push(pair) // stays sorted by IoU
  const detections = counted.map((m) => ({ mask: m, score: scores[m], hits: 0 }))
  const order = [...detections].sort((a, b) => (b.score ?? 0) - (a.score ?? 0))
  iouLevels.forEach((level, bit) => {
    const taken = new Uint8Array(instances)
    for (const detection of order) {
      const pair = byMask.get(detection.mask)!.find(({ instance, iou }) => iou >= level && !taken[instance])
      if (!pair) continue
      taken[pair.instance] = 1
      detection.hits |= 1 << bit
    }
  })
  return detections.map(({ score, hits }) => ({ score, hits }))
}

const levelBits = (iou: number): number => iouLevels.reduce((bits, level, i) => bits | (+(iou >= level) << i), 0)

/** The IoU of a mask with the one instance that was asked for. */
function ownIou({ width, data }: LabelMap, { id, area }: Instance, mask: Mask): number {
  let predicted = 0
  let both = 0
  for (let y = 0, from = 0; y < mask.height; y++) {
    const row = (mask.y0 + y) * width + mask.x0
    for (let x = 0; x < mask.width; x++, from++) {
      if (!mask.data[from]) continue
      predicted++
      if (data[row + x] === id) both++
    }
  }
  return instanceScores(both, predicted, area).iou
}
