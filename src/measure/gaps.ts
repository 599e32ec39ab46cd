/** @file The gap between each particle and the border of the nearest other one. */
import type { ParticleMap } from './neighbours'

/** In larger images gaps are not measured: they need two more maps of the image's size. */
export const maxGapPixels = 2 ** 27

/**
 * For each particle the distance between its pixel squares and the nearest ones of another particle, in pixels: 0 if they
 * touch, Infinity if there is no other. Every background pixel is assigned to its nearest particle; where the areas of two
 * particles meet, the distance of their nearest pixels is computed. The result is at most two pixels too large.
 */
export function gapsOf({ width, height, data }: ParticleMap, count: number): Float64Array {
  const gaps = new Float64Array(count).fill(Infinity)
  const nearestRow = nearestInColumns(data, width, height)
  let above = new Int32Array(width)
  let row = new Int32Array(width)
  const compare = (a: number, b: number) => {
    if (a < 0 || b < 0) return
    const [one, other] = [data[a] - 1, data[b] - 1]
    if (one === other) return
    const dx = Math.max(0, Math.abs((a % width) - (b % width)) - 1)
    const dy = Math.max(0, Math.abs(Math.floor(a / width) - Math.floor(b / width)) - 1)
    const gap = Math.hypot(dx, dy)
    if (gap < gaps[one]) gaps[one] = gap
    if (gap < gaps[other]) gaps[other] = gap
  }
  for (let y = 0; y < height; y++) {
    nearestInRow(nearestRow.subarray(y * width, (y + 1) * width), y, width, row)
    for (let x = 0; x < width; x++) {
      if (x) compare(row[x - 1], row[x])
      if (!y) continue
      for (let other = Math.max(0, x - 1); other <= Math.min(width - 1, x + 1); other++) compare(above[other], row[x])
    }
    ;[above, row] = [row, above]
  }
  return gaps
}

/** For each pixel, the row of the nearest particle pixel in the same column; -1 if there is none. */
function nearestInColumns(data: Int32Array, width: number, height: number): Int32Array {
  const nearest = new Int32Array(width * height)
  for (let x = 0; x < width; x++) {
    let last = -1
    for (let y = 0, at = x; y < height; y++, at += width) nearest[at] = last = data[at] ? y : last
    last = -1
    for (let y = height - 1, at = y * width + x; y >= 0; y--, at -= width) {
      if (data[at]) last = y
      if (last >= 0 && (nearest[at] < 0 || last - y < y - nearest[at])) nearest[at] = last
    }
  }
  return nearest
}

/** For each pixel of a row, the nearest particle pixel, by the lower envelope of parabolas (Felzenszwalb and Huttenlocher). */
function nearestInRow(rows: Int32Array, y: number, width: number, result: Int32Array): void {
  const apex: number[] = []
  const from: number[] = []
  for (let q = 0; q < width; q++) {
    if (rows[q] < 0) continue
    const height = (rows[q] - y) ** 2 + q * q
    let start = -Infinity
    while (apex.length) {
      const p = apex[apex.length - 1]
      start = (height - ((rows[p] - y) ** 2 + p * p)) / (2 * (q - p))
      if (start > from[from.length - 1]) break
      apex.pop()
      from.pop()
      start = -Infinity
    }
    apex.push(q)
    from.push(start)
  }
  if (!apex.length) {
    result.fill(-1)
    return
  }
  for (let x = 0, k = 0; x < width; x++) {
    while (k + 1 < apex.length && from[k + 1] < x) k++
    result[x] = rows[apex[k]] * width + apex[k]
  }
}
