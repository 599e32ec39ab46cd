/**
 * @file Masks that a tile's edge cuts. Each is replaced by its whole partner from a neighbouring tile, or united with the
 * neighbour's part of the same particle, where they agree in the strip that both tiles see. What finds no partner is dropped:
 * a mask with a straight cut is no particle.
 */
import { type PackedMask, countBits, sharedPixels, wordsAround } from '../masks/bit-mask'
import type { Size } from '../image/size'
import {
  type Box,
  type Region,
  boxAround,
  boxToRegion,
  intersectRegions,
  regionAround,
  regionKey,
  regionsOverlap,
  sameRegion,
  wholeRegion,
} from '../image/box'
import type { Draft } from './candidate-draft'

/** IoU in the shared strip from which on two masks are of one particle. */
const AGREE = 0.6

const edges = ['left', 'top', 'right', 'bottom'] as const
type Edge = (typeof edges)[number]

interface Cut {
  draft: Draft
  /** The tile's edges that cut the mask. */
  edges: Edge[]
  /** Of each tile that sees a part of it: the cut mask there that agrees best, and how well. */
  best: Map<string, { place: number; agreement: number }>
}

/**
 * The drafts without cut ones: whole ones as they are, then united ones.
 * @param near pixels within which a mask counts as touching its tile's edge
 */
export function mergeSeams(drafts: readonly Draft[], size: Size, near: number): Draft[] {
  const edgesOf = drafts.map((draft) => cutEdges(draft, size, near))
  const whole = drafts.filter((_, i) => !edgesOf[i].length)
  const cuts = drafts
    .map((draft, i): Cut => ({ draft, edges: edgesOf[i], best: new Map() }))
    .filter(({ edges }) => edges.length)
    .filter(({ draft }) => !whole.some((other) => agreement(draft, other) > AGREE))
  findPartners(cuts)
  const groups = mutualGroups(cuts)
  const united = groups
    .filter((group) => group.length > 1 && group.every((i) => cuts[i].edges.every((edge) => continued(i, edge))))
    .map((group) => unite(group.map((i) => cuts[i].draft)))
  return [...whole, ...united]

  /** Whether a partner's tile goes on beyond the edge that cuts. */
  function continued(i: number, edge: Edge): boolean {
    const { crop } = cuts[i].draft
    return partnersOf(cuts, i).some((k) => {
      const other = cuts[k].draft.crop
      return edge === 'left' || edge === 'top' ? other[edge] < crop[edge] : other[edge] > crop[edge]
    })
  }
}

/** The edges of its tile that a mask touches and that are not the image's edges. */
function cutEdges({ box, crop }: Draft, size: Size, near: number): Edge[] {
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

/** The IoU of two masks of different tiles in the strip that both tiles see; 0 where there is none. */
function agreement(a: Draft, b: Draft): number {
  if (sameRegion(a.crop, b.crop)) return 0
  const strip = intersectRegions(a.crop, b.crop)
  if (!strip || !regionsOverlap(boxToRegion(a.box), boxToRegion(b.box))) return 0
  const both = sharedPixels(a.bits, b.bits)
  return both ? both / (pixelsIn(a.bits, strip) + pixelsIn(b.bits, strip) - both) : 0
}

/** The number of pixels of a mask in a region. */
function pixelsIn({ column, columns, row, rows, words }: PackedMask, { left, top, right, bottom }: Region): number {
  let sum = 0
  for (let y = Math.max(0, top - row); y < Math.min(rows, bottom - row); y++)
    for (let x = 0; x < columns; x++) {
      const first = (column + x) * 32
      if (first >= right || first + 32 <= left) continue
      let word = words[y * columns + x]
      if (first < left) word &= -1 << (left - first)
      if (first + 32 > right) word &= ~(-1 << (right - first))
      sum += countBits(word)
    }
  return sum
}

function findPartners(cuts: readonly Cut[]): void {
  for (let i = 0; i < cuts.length; i++)
    for (let k = i + 1; k < cuts.length; k++) {
      const how = agreement(cuts[i].draft, cuts[k].draft)
      if (how <= AGREE) continue
      note(cuts[i], cuts[k], k, how)
      note(cuts[k], cuts[i], i, how)
    }
}

function note({ best }: Cut, other: Cut, place: number, how: number): void {
  const tile = regionKey(other.draft.crop)
  if (how > (best.get(tile)?.agreement ?? 0)) best.set(tile, { place, agreement: how })
}

/** Those that are each other's best of their tiles. */
const partnersOf = (cuts: readonly Cut[], i: number): number[] =>
  [...cuts[i].best.values()]
    .map(({ place }) => place)
    .filter((k) => cuts[k].best.get(regionKey(cuts[i].draft.crop))?.place === i)

/** Partners of partners, by their lowest place. */
function mutualGroups(cuts: readonly Cut[]): number[][] {
  const seen = new Set<number>()
  return cuts.flatMap((_, start) => {
    if (seen.has(start)) return []
    const group: number[] = []
    const open = [start]
    seen.add(start)
    for (let i = open.pop(); i !== undefined; i = open.pop()) {
      group.push(i)
      for (const k of partnersOf(cuts, i))
        if (!seen.has(k)) {
          seen.add(k)
          open.push(k)
        }
    }
    return [group.sort((a, b) => a - b)]
  })
}

/** One mask of several: all their pixels; scores are means by area, the rest is the largest one's. Its logits are not kept. */
function unite(drafts: readonly Draft[]): Draft {
  const largest = drafts.reduce((a, b) => (b.area > a.area ? b : a))
  const total = drafts.reduce((sum, { area }) => sum + area, 0)
  const mean = (value: (d: Draft) => number) => drafts.reduce((sum, d) => sum + d.area * value(d), 0) / total
  const box = boxAround(drafts.map((d) => d.box))
  const bits = union(
    drafts.map((d) => d.bits),
    box,
  )
  const area = bits.words.reduce((sum, word) => sum + countBits(word), 0)
  const { token, point } = largest
  const [predictedIou, stability] = [mean((d) => d.predictedIou), mean((d) => d.stability)]
  return { area, box, predictedIou, stability, crop: regionAround(drafts.map((d) => d.crop)), token, point, bits }
}

function union(masks: readonly PackedMask[], box: Box): PackedMask {
  const { column, columns, row, rows } = wordsAround(box)
  const words = new Uint32Array(columns * rows)
  for (const mask of masks)
    for (let y = 0; y < mask.rows; y++)
      for (let x = 0; x < mask.columns; x++) {
        const word = mask.words[y * mask.columns + x]
        // words beyond the box are empty: movePacked may leave one
        if (word) words[(mask.row + y - row) * columns + mask.column + x - column] |= word
      }
  return { column, columns, row, rows, words }
}
