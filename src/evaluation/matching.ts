/** @file Matches masks with instances: each with the instance that it was prompted for, or by the largest overlap. */
import type { Mask } from '../../engine/masks/mask'
import type { LabelMap } from '../../engine/image/label-map'
import type { Instance } from '../../engine/masks/instances'
import { bestIous, type Overlaps, type Pair, pairMasks } from '../../engine/tune/detection'
import { iouWithInstance } from '../../engine/masks/iou-with-instance'

/** The IoU levels at which an instance counts as found: 0.5, 0.55 … 0.95. */
export const iouLevels: readonly number[] = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100)

/** A mask as an entry of the precision-recall curve. */
export interface Detection {
  /** The predicted IoU; null if the method that made the mask has none. */
  score: number | null
  /** The IoU with the instance that it was prompted for, or that it fits best; 0 for none. */
  iou: number
  /** Bit i: it is a hit at iouLevels[i], if masks are assigned to instances in the order of their scores. */
  hits: number
}

export interface Matches {
  /** Indices of the masks that count, in the list of masks. */
  counted: number[]
  /** For each instance the index of its mask in the list of masks; -1 for none. */
  maskOf: number[]
  /** For each instance the IoU of that mask; 0 for none. */
  ious: number[]
  /** One for each mask that counts. */
  detections: Detection[]
}

/** Matches of prompted masks: mask i belongs to instance i and to no other. */
export function promptedMatches(
  labels: LabelMap,
  instances: readonly Instance[],
  masks: readonly Mask[],
  scores: readonly (number | null)[],
): Matches {
  const ious = instances.map((instance, i) => iouWithInstance(labels, instance, masks[i]))
  const places = masks.map((_, i) => i)
  return {
    counted: places,
    maskOf: places,
    ious,
    detections: ious.map((iou, i) => ({ score: scores[i], iou, hits: levelBits(iou) })),
  }
}

/**
 * Matches of automatically found masks with the instances of at least `minArea` pixels. Each instance is matched with at most
 * one mask and each mask with at most one instance, in descending order of IoU. Two kinds of masks do not count: those of fewer
 * than `minArea` pixels that reach IoU 0.5 with no instance, and those with more than half of their area on smaller instances.
 */
export function automaticMatches(
  labels: LabelMap,
  masks: readonly Mask[],
  scores: readonly (number | null)[],
  minArea: number,
): Matches {
  const overlaps = pairMasks(labels, masks, minArea)
  const { instances, pairs, areas, uncounted } = overlaps
  const best = bestIous(overlaps)
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
  return { counted, maskOf, ious, detections: rankedHits(overlaps, best, counted, scores) }
}

/** As in COCO's evaluation, at each level masks in descending order of score take the best instance that is still free. */
function rankedHits(
  { pairs, instances }: Overlaps,
  best: readonly number[],
  counted: readonly number[],
  scores: readonly (number | null)[],
): Detection[] {
  const byMask = new Map<number, Pair[]>(counted.map((m) => [m, []]))
  for (const pair of pairs) byMask.get(pair.mask)?.push(pair) // keeps the order by IoU
  const detections = counted.map((m) => ({ mask: m, score: scores[m], iou: best[m], hits: 0 }))
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
  return detections.map(({ mask: _, ...detection }) => detection)
}

const levelBits = (iou: number): number => iouLevels.reduce((bits, level, i) => bits | (+(iou >= level) << i), 0)
