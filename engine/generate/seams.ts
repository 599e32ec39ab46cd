/**
 * @file Masks that a tile's edge cuts. Each is replaced by its whole partner from a neighbouring tile, or united with the
 * neighbour's part of the same particle, where they agree in the strip that both tiles see. What finds no partner is dropped:
 * a mask with a straight cut is no particle.
 */
import { type PackedMask, countBits, sharedPixels } from '../masks/bit-mask'
import type { Size } from '../image/transforms'
import type { Box } from './candidate'
import type { Draft } from './candidate-draft'

/** IoU in the shared strip from which on two masks are of one particle. */
const AGREE = 0.6

interface Cut {
  draft: Draft
  /** Of the tile's left, top, right and bottom edge: which cut it. */
  edges: boolean[]
  /** Of each tile that sees a part of it: the cut mask there that agrees best, and how well. */
  best: Map<string, { place: number; agreement: number }>
}

/**
 * The drafts without cut ones: whole ones as they are, then united ones.
 * @param near pixels within which a mask counts as touching its tile's edge
 */
export function mergeSeams(drafts: readonly Draft[], size: Size, near: number): Draft[] {
  const edgesOf = drafts.map((draft) => cutEdges(draft, size, near))
  const whole = drafts.filter((_, i) => !edgesOf[i].includes(true))
  const cuts = drafts
    .map((draft, i): Cut => ({ draft, edges: edgesOf[i], best: new Map() }))
    .filter(({ edges }) => edges.includes(true))
    .filter(({ draft }) => !whole.some((other) => agreement(draft, other) > AGREE))
  findPartners(cuts)
  const groups = mutualGroups(cuts)
  const united = groups
    .filter((group) => group.length > 1 && group.every((i) => cuts[i].edges.every((cut, e) => !cut || continued(i, e))))
    .map((group) => unite(group.map((i) => cuts[i].draft)))
  return [...whole, ...united]

  /** Whether a partner's tile goes on beyond the edge that cuts. */
  function continued(i: number, edge: number): boolean {
    const { crop } = cuts[i].draft
    return partnersOf(cuts, i).some((k) => {
      const other = cuts[k].draft.crop
      return edge < 2 ? other[edge] < crop[edge] : other[edge] > crop[edge]
    })
  }
}

/** Which of its tile's edges a mask touches that are not the image's. */
function cutEdges({ box, crop }: Draft, { width, height }: Size, near: number): boolean[] {
  const image = [0, 0, width, height]
  const far = [box[0] - crop[0], box[1] - crop[1], crop[2] - 1 - box[2], crop[3] - 1 - box[3]]
  return far.map((pixels, e) => pixels < near && crop[e] !== image[e])
}

/** The IoU of two masks of different tiles in the strip that both tiles see; 0 where there is none. */
function agreement(a: Draft, b: Draft): number {
  if (sameBox(a.crop, b.crop)) return 0
  const strip = shared(a.crop, b.crop)
  if (!strip || !shared([a.box[0], a.box[1], a.box[2] + 1, a.box[3] + 1], exclusive(b.box))) return 0
  const both = sharedPixels(a.bits, b.bits)
  return both ? both / (pixelsIn(a.bits, strip) + pixelsIn(b.bits, strip) - both) : 0
}

const sameBox = (a: Box, b: Box): boolean => a.every((c, i) => c === b[i])
const exclusive = ([x0, y0, x1, y1]: Box): Box => [x0, y0, x1 + 1, y1 + 1]

/** The part that two boxes (exclusive right and bottom) share. */
function shared(a: Box, b: Box): Box | null {
  const part: Box = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]
  return part[0] < part[2] && part[1] < part[3] ? part : null
}

/** Pixels of a mask in a box (exclusive right and bottom). */
function pixelsIn({ column, columns, row, rows, words }: PackedMask, [x0, y0, x1, y1]: Box): number {
  let sum = 0
  for (let y = Math.max(0, y0 - row); y < Math.min(rows, y1 - row); y++)
    for (let x = 0; x < columns; x++) {
      const first = (column + x) * 32
      if (first >= x1 || first + 32 <= x0) continue
      let word = words[y * columns + x]
      if (first < x0) word &= -1 << (x0 - first)
      if (first + 32 > x1) word &= ~(-1 << (x1 - first))
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
  const tile = String(other.draft.crop)
  if (how > (best.get(tile)?.agreement ?? 0)) best.set(tile, { place, agreement: how })
}

/** Those that are each other's best of their tiles. */
const partnersOf = (cuts: readonly Cut[], i: number): number[] =>
  [...cuts[i].best.values()]
    .map(({ place }) => place)
    .filter((k) => cuts[k].best.get(String(cuts[i].draft.crop))?.place === i)

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
  const around = (of: (d: Draft) => Box): Box => [
    Math.min(...drafts.map((d) => of(d)[0])),
    Math.min(...drafts.map((d) => of(d)[1])),
    Math.max(...drafts.map((d) => of(d)[2])),
    Math.max(...drafts.map((d) => of(d)[3])),
  ]
  const box = around((d) => d.box)
  const bits = union(
    drafts.map((d) => d.bits),
    box,
  )
  const area = bits.words.reduce((sum, word) => sum + countBits(word), 0)
  const { token, point } = largest
  const [predictedIou, stability] = [mean((d) => d.predictedIou), mean((d) => d.stability)]
  return { area, box, predictedIou, stability, crop: around((d) => d.crop), token, point, bits }
}

function union(masks: readonly PackedMask[], box: Box): PackedMask {
  const column = box[0] >> 5
  const [columns, row, rows] = [(box[2] >> 5) - column + 1, box[1], box[3] - box[1] + 1]
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
