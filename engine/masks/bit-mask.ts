/**
 * @file Masks with one bit per pixel. Words start at columns of the image that are multiples of 32, so that two masks are
 * compared word by word.
 */
import type { Box, Region } from '../image/box'
import type { Mask } from './mask'

export interface PackedMask {
  /** First word of each row: pixel x of the image is bit x mod 32 of word floor(x / 32). */
  column: number
  /** Words per row. */
  columns: number
  /** First row of the image. */
  row: number
  rows: number
  /** (rows, columns) */
  words: Uint32Array
}

/** The words that hold the pixels of a box. */
export const wordsAround = ({ x0, y0, x1, y1 }: Box): Omit<PackedMask, 'words'> => ({
  column: x0 >> 5,
  columns: (x1 >> 5) - (x0 >> 5) + 1,
  row: y0,
  rows: y1 - y0 + 1,
})

/** Packs a mask into bits. */
export function packMask({ x0, y0, width, height, data }: Mask): PackedMask {
  const column = x0 >> 5
  const columns = width ? ((x0 + width - 1) >> 5) - column + 1 : 0
  const words = new Uint32Array(columns * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (data[y * width + x]) words[y * columns + ((x0 + x) >> 5) - column] |= 1 << ((x0 + x) & 31)
  return { column, columns, row: y0, rows: height, words }
}

/** The pixels of a mask within `box`; its pixels outside `box` are left out. */
export function unpackMask({ column, columns, row, words }: PackedMask, { x0, y0, x1, y1 }: Box): Mask {
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
  const data = new Uint8Array(width * height)
  for (let y = y0, at = 0; y <= y1; y++) {
    const line = (y - row) * columns - column
    for (let x = x0; x <= x1; x++) data[at++] = (words[line + (x >> 5)] >>> (x & 31)) & 1
  }
  return { x0, y0, width, height, data }
}

/** True if a pixel belongs to a mask; it may lie outside the words of the mask. */
export function hasPixel({ column, columns, row, rows, words }: PackedMask, x: number, y: number): boolean {
  const [word, line] = [(x >> 5) - column, y - row]
  if (word < 0 || word >= columns || line < 0 || line >= rows) return false
  return ((words[line * columns + word] >>> (x & 31)) & 1) === 1
}

/** The number of set bits of a word. */
export function countBits(word: number): number {
  word -= (word >>> 1) & 0x55555555
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** The number of pixels that two masks share. */
export function sharedPixels(a: PackedMask, b: PackedMask): number {
  const left = Math.max(a.column, b.column)
  const right = Math.min(a.column + a.columns, b.column + b.columns)
  const bottom = Math.min(a.row + a.rows, b.row + b.rows)
  let sum = 0
  for (let y = Math.max(a.row, b.row); y < bottom; y++) {
    const inA = (y - a.row) * a.columns - a.column
    const inB = (y - b.row) * b.columns - b.column
    for (let x = left; x < right; x++) sum += countBits(a.words[inA + x] & b.words[inB + x])
  }
  return sum
}

/** The same mask moved right by `dx` and down by `dy` pixels, both at least 0. It may have an empty last column of words. */
export function movePacked(mask: PackedMask, dx: number, dy: number): PackedMask {
  const { columns, rows, words } = mask
  const [jump, shift] = [dx >> 5, dx & 31]
  if (!shift) return { ...mask, column: mask.column + jump, row: mask.row + dy }
  const wide = columns + 1
  const moved = new Uint32Array(wide * rows)
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const word = words[y * columns + x]
      moved[y * wide + x] |= word << shift
      moved[y * wide + x + 1] |= word >>> (32 - shift)
    }
  return { column: mask.column + jump, columns: wide, row: mask.row + dy, rows, words: moved }
}

/** The number of pixels of a mask in a region. */
export function pixelsInRegion(
  { column, columns, row, rows, words }: PackedMask,
  { left, top, right, bottom }: Region,
): number {
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

/** The pixels of any of the masks, which are all within the box. */
export function unitePacked(masks: readonly PackedMask[], box: Box): PackedMask {
  const { column, columns, row, rows } = wordsAround(box)
  const words = new Uint32Array(columns * rows)
  for (const mask of masks)
    for (let y = 0; y < mask.rows; y++)
      for (let x = 0; x < mask.columns; x++) {
        const word = mask.words[y * mask.columns + x]
        // words outside the box are empty: movePacked may leave one
        if (word) words[(mask.row + y - row) * columns + mask.column + x - column] |= word
      }
  return { column, columns, row, rows, words }
}
