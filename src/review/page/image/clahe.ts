/**
 * @file Contrast-limited adaptive histogram equalisation (CLAHE, Zuiderveld 1994): each part of the image gets its own gray
 * curve, so that dark and bright regions both show their detail. The curves are limited, because those of an even region
 * would only amplify its noise. Done in steps, so that the page stays responsive.
 */
import type { Size } from '../../../../engine/image/size'

export interface ClaheOptions {
  /** Parts along each side. */
  parts: number
  /** A gray value counts at most this many times as often as the mean of all: 1 changes nothing. */
  limit: number
}

const levels = 256
/** Rows of one step. */
const stepRows = 64

/** The gray curve of one part: its cumulative histogram, of which every value is limited and the rest shared out. */
export function curveOf(counts: Uint32Array, limit: number): Uint8Array {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const curve = new Uint8Array(levels)
  if (!total) return curve.map((_, value) => value)
  const most = Math.max(1, (limit * total) / levels)
  let over = 0
  for (const count of counts) over += Math.max(0, count - most)
  const share = over / levels
  let sum = 0
  for (let value = 0; value < levels; value++) {
    const own = Math.min(counts[value], most) + share
    // the middle of the value's own part: an even region keeps its gray value
    curve[value] = Math.round((255 * (sum + own / 2)) / total)
    sum += own
  }
  return curve
}

/**
 * @param values (height, width) gray values
 * @param pause is awaited between steps of a few rows
 * @param stop is asked after each step whether the result is still wanted
 * @returns new gray values; null if it was stopped
 */
export async function clahe(
  values: Uint8Array,
  { width, height }: Size,
  { parts, limit }: ClaheOptions,
  pause: () => Promise<void> = () => Promise.resolve(),
  stop: () => boolean = () => false,
): Promise<Uint8Array | null> {
  const columns = Math.min(parts, width)
  const lines = Math.min(parts, height)
  const left = (i: number) => Math.round((i * width) / columns)
  const top = (j: number) => Math.round((j * height) / lines)
  const curves: Uint8Array[] = []
  for (let j = 0; j < lines; j++) {
    for (let i = 0; i < columns; i++) {
      const counts = new Uint32Array(levels)
      for (let y = top(j); y < top(j + 1); y++)
        for (let at = y * width + left(i), end = y * width + left(i + 1); at < end; at++) counts[values[at]]++
      curves.push(curveOf(counts, limit))
    }
    await pause()
    if (stop()) return null
  }
  const result = new Uint8Array(width * height)
  // each pixel is between the centres of four parts, whose curves are mixed
  const across = weights(width, columns)
  const down = weights(height, lines)
  for (let y = 0; y < height; y++) {
    const { before: above, after: below, part: v } = down(y)
    const [upper, lower] = [above * columns, below * columns]
    for (let x = 0; x < width; x++) {
      const { before, after, part: u } = across(x)
      const value = values[y * width + x]
      const first = curves[upper + before][value] * (1 - u) + curves[upper + after][value] * u
      const second = curves[lower + before][value] * (1 - u) + curves[lower + after][value] * u
      result[y * width + x] = Math.round(first * (1 - v) + second * v)
    }
    if (y % stepRows < stepRows - 1) continue
    await pause()
    if (stop()) return null
  }
  return result
}

interface Weight {
  before: number
  after: number
  /** How much of `after`, from 0 to 1. */
  part: number
}

/** The parts between whose centres a position is. */
function weights(length: number, parts: number): (at: number) => Weight {
  const table = Array.from({ length }, (_, at): Weight => {
    const place = ((at + 0.5) * parts) / length - 0.5
    const before = Math.floor(place)
    return {
      before: Math.max(0, before),
      after: Math.min(parts - 1, before + 1),
      part: place - before,
    }
  })
  return (at) => table[at]
}
