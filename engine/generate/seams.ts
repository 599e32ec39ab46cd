/**
 * @file Merges masks that a tile's edge cuts. Such a mask is replaced by the whole mask of the same particle from a
 * neighbouring tile, or united with the parts that neighbouring tiles see, if they agree in the strip that both tiles see. A
 * cut mask without a partner is dropped: a mask with a straight cut is not a particle.
 */
import { countBits, pixelsInRegion, sharedPixels, unitePacked } from '../masks/bit-mask'
import type { Size } from '../image/size'
import {
  boxAround,
  boxToRegion,
  intersectRegions,
  regionAround,
  regionKey,
  regionsOverlap,
  sameRegion,
  wholeRegion,
} from '../image/box'
import type { PackedCandidate } from './packed-candidate'

/** Two masks of different tiles are of one particle if their IoU in the shared strip exceeds this. */
const MIN_AGREEMENT = 0.6

const edges = ['left', 'top', 'right', 'bottom'] as const
type Edge = (typeof edges)[number]

interface CutMask {
  candidate: PackedCandidate
  /** The tile's edges that cut the mask. */
  edges: Edge[]
  /** For each tile (its regionKey): index of the cut mask there that agrees best, and their IoU in the strip. */
  best: Map<string, { index: number; agreement: number }>
}

/**
 * The candidates that no tile cuts, unchanged, then those united from several tiles.
 * @param near a mask touches its tile's edge if it is fewer pixels away from it
 */
export function mergeSeams(candidates: readonly PackedCandidate[], size: Size, near: number): PackedCandidate[] {
  const edgesOf = candidates.map((candidate) => cutEdges(candidate, size, near))
  const whole = candidates.filter((_, i) => !edgesOf[i].length)
  const cuts = candidates
    .map((candidate, i): CutMask => ({ candidate, edges: edgesOf[i], best: new Map() }))
    .filter(({ edges }) => edges.length)
    .filter(({ candidate }) => !whole.some((other) => agreement(candidate, other) > MIN_AGREEMENT))
  findPartners(cuts)
  const groups = mutualGroups(cuts)
  const united = groups
    .filter((group) => group.length > 1 && group.every((i) => cuts[i].edges.every((edge) => extendsBeyond(i, edge))))
    .map((group) => unite(group.map((i) => cuts[i].candidate)))
  return [...whole, ...united]

  /** True if the tile of a partner extends beyond the edge that cuts mask i. */
  function extendsBeyond(i: number, edge: Edge): boolean {
    const { crop } = cuts[i].candidate
    return partnersOf(cuts, i).some((k) => {
      const other = cuts[k].candidate.crop
      return edge === 'left' || edge === 'top' ? other[edge] < crop[edge] : other[edge] > crop[edge]
    })
  }
}

/** The edges of its tile that a mask touches and that are not the image's edges. */
function cutEdges({ box, crop }: PackedCandidate, size: Size, near: number): Edge[] {
  const image = wholeRegion(size)
  const mask = boxToRegion(box)
  const distance = {
    left: mask.left - crop.left,
    top: mask.top - crop.top,
    right: crop.right - mask.right,
    bottom: crop.bottom - mask.bottom,
  }
  return edges.filter((edge) => distance[edge] < near && crop[edge] !== image[edge])
}

/** The IoU of two masks of different tiles in the strip that both tiles see; 0 if there is no such strip. */
function agreement(a: PackedCandidate, b: PackedCandidate): number {
  if (sameRegion(a.crop, b.crop)) return 0
  const strip = intersectRegions(a.crop, b.crop)
  if (!strip || !regionsOverlap(boxToRegion(a.box), boxToRegion(b.box))) return 0
  const both = sharedPixels(a.bits, b.bits)
  return both ? both / (pixelsInRegion(a.bits, strip) + pixelsInRegion(b.bits, strip) - both) : 0
}

/** Fills in each mask's best partner in each other tile. */
function findPartners(cuts: readonly CutMask[]): void {
  for (let i = 0; i < cuts.length; i++)
    for (let k = i + 1; k < cuts.length; k++) {
      const iou = agreement(cuts[i].candidate, cuts[k].candidate)
      if (iou <= MIN_AGREEMENT) continue
      noteBest(cuts[i], cuts[k], k, iou)
      noteBest(cuts[k], cuts[i], i, iou)
    }
}

/** Remembers a mask if it is the best so far in its tile. */
function noteBest({ best }: CutMask, other: CutMask, index: number, iou: number): void {
  const tile = regionKey(other.candidate.crop)
  if (iou > (best.get(tile)?.agreement ?? 0)) best.set(tile, { index, agreement: iou })
}

/** The masks that are a mask's best in their tile, and whose best in its tile is that mask. */
const partnersOf = (cuts: readonly CutMask[], i: number): number[] =>
  [...cuts[i].best.values()]
    .map(({ index }) => index)
    .filter((k) => cuts[k].best.get(regionKey(cuts[i].candidate.crop))?.index === i)

/** Groups of masks connected by partnership, in order of their lowest index. */
function mutualGroups(cuts: readonly CutMask[]): number[][] {
  const seen = new Set<number>()
  return cuts.flatMap((_, start) => {
    if (seen.has(start)) return []
    const group: number[] = []
    const pending = [start]
    seen.add(start)
    for (let i = pending.pop(); i !== undefined; i = pending.pop()) {
      group.push(i)
      for (const k of partnersOf(cuts, i))
        if (!seen.has(k)) {
          seen.add(k)
          pending.push(k)
        }
    }
    return [group.sort((a, b) => a - b)]
  })
}

/** The union of several candidates: scores are means weighted by area, token and prompt are the largest one's; without logits. */
function unite(candidates: readonly PackedCandidate[]): PackedCandidate {
  const largest = candidates.reduce((a, b) => (b.area > a.area ? b : a))
  const total = candidates.reduce((sum, { area }) => sum + area, 0)
  const mean = (value: (d: PackedCandidate) => number) =>
    candidates.reduce((sum, d) => sum + d.area * value(d), 0) / total
  const box = boxAround(candidates.map((d) => d.box))
  const bits = unitePacked(
    candidates.map((d) => d.bits),
    box,
  )
  const area = bits.words.reduce((sum, word) => sum + countBits(word), 0)
  const { token, point, promptBox } = largest
  const [predictedIou, stability] = [mean((d) => d.predictedIou), mean((d) => d.stability)]
  const crop = regionAround(candidates.map((d) => d.crop))
  return { area, box, predictedIou, stability, crop, token, point, ...(promptBox && { promptBox }), bits }
}
