/** @file What tells that two pictures are the same one: a hash of the pixels, and a few bits of the picture's broad shape. */
import { createHash } from 'node:crypto'
import type { Sample } from './sample'

export type Picture = Pick<Sample, 'width' | 'height' | 'rgb'>

/** Side of the thumbnail that the broad shape is read from. */
const SIDE = 16

export interface Fingerprint {
  /** sha256 of size and pixels. */
  pixels: string
  /** 256 bits, brighter than the median or not, in the eight ways a picture can be turned and mirrored; null where it is flat. */
  shapes: Uint32Array[] | null
}

export function fingerprint({ width, height, rgb }: Picture): Fingerprint {
  const pixels = createHash('sha256').update(`${width}x${height}:`).update(rgb).digest('hex')
  return { pixels, shapes: shapesOf(thumbnail({ width, height, rgb })) }
}

/** Means of the picture's 16 x 16 parts. */
function thumbnail({ width, height, rgb }: Picture): Float64Array {
  const sums = new Float64Array(SIDE * SIDE)
  const counts = new Float64Array(SIDE * SIDE)
  const column = Uint8Array.from({ length: width }, (_, x) => Math.floor((x * SIDE) / width))
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor((y * SIDE) / height) * SIDE
    for (let x = 0; x < width; x++, at += 3) {
      const cell = row + column[x]
      sums[cell] += rgb[at] + rgb[at + 1] + rgb[at + 2]
      counts[cell]++
    }
  }
  return sums.map((sum, i) => (counts[i] ? sum / counts[i] : 0))
}

function shapesOf(cells: Float64Array): Uint32Array[] | null {
  const sorted = cells.slice().sort()
  const median = (sorted[127] + sorted[128]) / 2
  if (sorted[255] - sorted[0] < 6) return null
  return orientations.map((place) => {
    const words = new Uint32Array(8)
    for (let i = 0; i < 256; i++) {
      const [x, y] = place(i % SIDE, Math.floor(i / SIDE), SIDE, SIDE)
      if (cells[y * SIDE + x] > median) words[i >> 5] |= 1 << (i & 31)
    }
    return words
  })
}

/** Where the pixel (x, y) of a turned or mirrored picture lies in the picture of (width, height) itself. */
type Place = (x: number, y: number, width: number, height: number) => [number, number]
export const orientations: readonly Place[] = [
  (x, y) => [x, y],
  (x, y, w) => [w - 1 - x, y],
  (x, y, _, h) => [x, h - 1 - y],
  (x, y, w, h) => [w - 1 - x, h - 1 - y],
  (x, y) => [y, x],
  (x, y, w) => [w - 1 - y, x],
  (x, y, _, h) => [y, h - 1 - x],
  (x, y, w, h) => [w - 1 - y, h - 1 - x],
]

/** Bits in which the broad shapes of two pictures differ, in the orientation that fits best: 0 to 256. */
export function shapeDistance(a: Fingerprint, b: Fingerprint): number {
  if (!a.shapes || !b.shapes) return 256
  const [first] = a.shapes
  let least = 256
  for (const other of b.shapes) {
    let bits = 0
    for (let i = 0; i < 8 && bits < least; i++) bits += ones(first[i] ^ other[i])
    if (bits < least) least = bits
  }
  return least
}

function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Whether two pictures are the same pixel for pixel once one is turned or mirrored. */
export function samePixels(a: Picture, b: Picture): boolean {
  return orientations.some((place, o) => {
    const [width, height] = o < 4 ? [b.width, b.height] : [b.height, b.width]
    if (a.width !== width || a.height !== height) return false
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += 3) {
        const [bx, by] = place(x, y, b.width, b.height)
        const from = 3 * (by * b.width + bx)
        for (let c = 0; c < 3; c++) if (a.rgb[at + c] !== b.rgb[from + c]) return false
      }
    return true
  })
}
