/** @file Fingerprints by which duplicate images are found: a hash of the pixels, and a perceptual hash of a small thumbnail. */
import { createHash } from 'node:crypto'
import type { RgbImage } from '../../engine/image/rgb-image'

/** Side of the thumbnail from which the perceptual hash is computed: one bit for each of its pixels. */
const SIDE = 16
const BITS = SIDE * SIDE
const WORDS = BITS / 32
/** Thumbnails with a smaller range of values (sums of three channels) are flat: their bits would be noise. */
const MIN_RANGE = 6

export interface Fingerprint {
  /** SHA-256 of size and pixels. */
  pixels: string
  /**
   * Perceptual hashes of 256 bits, one for each orientation: a bit is set if its pixel of the thumbnail is brighter than the
   * median. Null if the image is flat.
   */
  hashes: Uint32Array[] | null
}

export function fingerprint({ width, height, rgb }: RgbImage): Fingerprint {
  const pixels = createHash('sha256').update(`${width}x${height}:`).update(rgb).digest('hex')
  return { pixels, hashes: perceptualHashes(thumbnail({ width, height, rgb })) }
}

/** The means of SIDE x SIDE parts of the image, row by row. */
function thumbnail({ width, height, rgb }: RgbImage): Float64Array {
  const sums = new Float64Array(BITS)
  const counts = new Float64Array(BITS)
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

function perceptualHashes(cells: Float64Array): Uint32Array[] | null {
  const sorted = cells.slice().sort()
  const median = (sorted[BITS / 2 - 1] + sorted[BITS / 2]) / 2
  if (sorted[BITS - 1] - sorted[0] < MIN_RANGE) return null
  return orientations.map((source) => {
    const words = new Uint32Array(WORDS)
    for (let i = 0; i < BITS; i++) {
      const [x, y] = source(i % SIDE, Math.floor(i / SIDE), SIDE, SIDE)
      if (cells[y * SIDE + x] > median) words[i >> 5] |= 1 << (i & 31)
    }
    return words
  })
}

/** For pixel (x, y) of a rotated or mirrored image, the pixel of the original of (width, height) that it comes from. */
type SourcePixel = (x: number, y: number, width: number, height: number) => [number, number]

/** The eight rotations and reflections; width and height are exchanged in the last four. */
export const orientations: readonly SourcePixel[] = [
  (x, y) => [x, y],
  (x, y, w) => [w - 1 - x, y],
  (x, y, _, h) => [x, h - 1 - y],
  (x, y, w, h) => [w - 1 - x, h - 1 - y],
  (x, y) => [y, x],
  (x, y, w) => [w - 1 - y, x],
  (x, y, _, h) => [y, h - 1 - x],
  (x, y, w, h) => [w - 1 - y, h - 1 - x],
]

/** Hamming distance of the perceptual hashes of two images, in the orientation that fits best: 0 to 256. */
export function hashDistance(a: Fingerprint, b: Fingerprint): number {
  if (!a.hashes || !b.hashes) return BITS
  const [first] = a.hashes
  let least = BITS
  for (const other of b.hashes) {
    let bits = 0
    for (let i = 0; i < WORDS && bits < least; i++) bits += populationCount(first[i] ^ other[i])
    if (bits < least) least = bits
  }
  return least
}

/** The number of set bits of a 32-bit word. */
function populationCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** True if two images are the same pixel for pixel in one of the eight orientations. */
export function samePixels(a: RgbImage, b: RgbImage): boolean {
  return orientations.some((source, o) => {
    const [width, height] = o < 4 ? [b.width, b.height] : [b.height, b.width]
    if (a.width !== width || a.height !== height) return false
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += 3) {
        const [bx, by] = source(x, y, b.width, b.height)
        const from = 3 * (by * b.width + bx)
        for (let c = 0; c < 3; c++) if (a.rgb[at + c] !== b.rgb[from + c]) return false
      }
    return true
  })
}
