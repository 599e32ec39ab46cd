/** @file COCO's run-length encoding, in which masks are stored in files and exchanged with other programs. */
import type { Box } from '../image/box'
import type { Size } from '../image/size'
import { emptyMask, type Mask, type Placement } from './mask'

/** A run-length encoded mask: lengths of alternating runs of 0 and 1, down the columns (Fortran order), beginning with 0. */
export interface Rle {
  /** [height, width] */
  size: [number, number]
  /** run lengths, as numbers or as COCO's compressed string */
  counts: number[] | string
}

/** A compressed run-length encoded mask: the encoding that this program writes. */
export interface CompressedRle extends Rle {
  counts: string
}

/**
 * Encodes the pixels of a (height, width) plane whose value is `id`, compressed.
 * @param box contains all of them; the whole plane by default
 * @example
 * const segmentation = encodeRle(labels.data, labels.width, labels.height, 7) // the particle with label 7
 */
export function encodeRle(
  data: ArrayLike<number>,
  width: number,
  height: number,
  id = 1,
  box: Box = { x0: 0, y0: 0, x1: width - 1, y1: height - 1 },
): CompressedRle {
  const counts: number[] = []
  let end = 0
  for (let x = box.x0; x <= box.x1; x++)
    for (let y = box.y0; y <= box.y1; y++) {
      if (data[y * width + x] !== id) continue
      const at = x * height + y
      if (at === end && counts.length) counts[counts.length - 1]++
      else counts.push(at - end, 1)
      end = at + 1
    }
  if (end < width * height) counts.push(width * height - end)
  return { size: [height, width], counts: compressCounts(counts) }
}

/**
 * Run lengths as COCO's compressed text: from the fourth on, the difference to the run before the previous one; 5 bits per
 * character, low bits first.
 */
export function compressCounts(counts: readonly number[]): string {
  let text = ''
  counts.forEach((count, i) => {
    let value = i > 2 ? count - counts[i - 2] : count
    for (;;) {
      const bits = value & 31
      value >>= 5
      const done = bits & 16 ? value === -1 : value === 0
      text += String.fromCharCode(48 + (done ? bits : bits | 32))
      if (done) break
    }
  })
  return text
}

/** The run lengths of a compressed text. @throws Error if it is damaged */
export function decompressCounts(text: string): number[] {
  const counts: number[] = []
  for (let at = 0; at < text.length;) {
    let value = 0
    for (let shift = 0; ; shift += 5) {
      const bits = text.charCodeAt(at++) - 48
      if (!(bits >= 0 && bits < 64) || shift > 30) throw new Error('the compressed run lengths are damaged')
      value += (bits & 31) * 2 ** shift
      if (bits & 32) continue
      if (bits & 16) value -= 2 ** (shift + 5)
      break
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value)
  }
  return counts
}

/**
 * Calls `span` for each run of ones with its start in Fortran order (x * height + y) and its length.
 * @throws Error if the run lengths are damaged or do not sum to the number of pixels
 */
export function eachRun(rle: Rle, span: (start: number, length: number) => void): void {
  const counts = typeof rle.counts === 'string' ? decompressCounts(rle.counts) : rle.counts
  const pixels = rle.size[0] * rle.size[1]
  let at = 0
  counts.forEach((count, i) => {
    if (!Number.isInteger(count) || count < 0) throw new Error(`the run length ${count} is not a whole number from 0`)
    if (at + count > pixels) throw new Error(`the run lengths are more than the ${pixels} pixels of the image`)
    if (i & 1 && count) span(at, count)
    at += count
  })
  if (at !== pixels) throw new Error(`the run lengths sum to ${at}, not to the ${pixels} pixels of the image`)
}

/**
 * Decodes to a (height, width) plane of 0 and 1. @throws as eachRun
 * @example
 * decodeRle({ size: [2, 3], counts: [1, 2, 3] }) // 0 1 0, 1 0 0: counts go down the columns, background first
 */
export function decodeRle(rle: Rle): Uint8Array {
  const [height, width] = rle.size
  const mask = new Uint8Array(width * height)
  eachRun(rle, (start, length) => {
    for (let i = start; i < start + length; i++) mask[(i % height) * width + Math.floor(i / height)] = 1
  })
  return mask
}

/** The run lengths of a mask of an image of `size`, beginning with 0. */
export function maskCounts({ x0, y0, width, height, data }: Mask, size: Size): number[] {
  const counts: number[] = []
  let end = 0
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) {
      if (!data[y * width + x]) continue
      const at = (x0 + x) * size.height + y0 + y
      if (at === end && counts.length) counts[counts.length - 1]++
      else counts.push(at - end, 1)
      end = at + 1
    }
  if (end < size.width * size.height) counts.push(size.width * size.height - end)
  return counts
}

/**
 * Encodes a mask of an image of `size`.
 * @example
 * const annotation = { id: 1, segmentation: encodeMask(mask, { width, height }) } // as COCO has it
 */
export function encodeMask(mask: Mask, size: Size): CompressedRle {
  return { size: [size.height, size.width], counts: compressCounts(maskCounts(mask, size)) }
}

/** Where a mask's bounding box is and how large, without decoding it; null if no pixel is set. @throws as eachRun */
export function placementOf(rle: Rle): Placement | null {
  const [height] = rle.size
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1]
  eachRun(rle, (start, length) => {
    const last = start + length - 1
    const [left, right] = [Math.floor(start / height), Math.floor(last / height)]
    x0 = Math.min(x0, left)
    x1 = Math.max(x1, right)
    // a run that continues in the next column reaches the last row of one column and the first row of the other
    y0 = Math.min(y0, left < right ? 0 : start % height)
    y1 = Math.max(y1, left < right ? height - 1 : last % height)
  })
  return x1 < 0 ? null : { x0, y0, width: x1 - x0 + 1, height: y1 - y0 + 1 }
}

/**
 * Decodes to a mask that is stored for its bounding box. @throws as eachRun
 * @example
 * const mask = decodeMask(encodeMask(masks[0], { width, height }))
 */
export function decodeMask(rle: Rle): Mask {
  const [height] = rle.size
  const place = placementOf(rle)
  if (!place) return emptyMask
  const data = new Uint8Array(place.width * place.height)
  eachRun(rle, (start, length) => {
    for (let i = start; i < start + length; i++)
      data[((i % height) - place.y0) * place.width + Math.floor(i / height) - place.x0] = 1
  })
  return { ...place, data }
}
