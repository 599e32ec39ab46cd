/** @file The length of a mask's border, by Crofton's formula in eight directions. */
import { areaOf, type PixelRuns } from './pixel-runs'

/**
 * Crofton: the length of a curve is half the integral, over all directions, of the number of times that lines cross it.
 * Lines through pixel centres lie 1 / |v| apart in the direction of v; each direction stands for the angles nearest to it.
 */
const directions = (
  [
    [1, 0],
    [2, 1],
    [1, 1],
    [1, 2],
    [0, 1],
    [-1, 2],
    [-1, 1],
    [-2, 1],
  ] as const
).map(([dx, dy], i, all) => {
  const angle = ([x, y]: readonly [number, number]) => Math.atan2(y, x)
  const before = i ? angle(all[i - 1]) : angle(all[all.length - 1]) - Math.PI
  const after = i < all.length - 1 ? angle(all[i + 1]) : Math.PI
  return { dx, dy, weight: (after - before) / 2 / Math.hypot(dx, dy) }
})

/**
 * The border's length, pixels. Right on average over all directions of the border, so right for discs; of a straight
 * side it finds 98.5 to 101.4 %. Thin parts, below about three pixels, are found too short.
 */
export function perimeterOf(runs: PixelRuns): number {
  const area = areaOf(runs)
  let length = 0
  // as many lines leave the mask as enter it
  for (const { dx, dy, weight } of directions) length += weight * (area - overlap(runs, dx, dy))
  return length
}

/** How many pixels of the mask have the pixel at (+dx, +dy) in the mask too; dy is from 0. */
function overlap(runs: PixelRuns, dx: number, dy: number): number {
  let both = 0
  for (let i = 0, j = 0; i < runs.length && j < runs.length;) {
    const rows = runs[i] - (runs[j] - dy)
    if (rows < 0) i += 3
    else if (rows > 0) j += 3
    else {
      const [end, shiftedEnd] = [runs[i + 2], runs[j + 2] - dx]
      const length = Math.min(end, shiftedEnd) - Math.max(runs[i + 1], runs[j + 1] - dx)
      if (length > 0) both += length
      if (end < shiftedEnd) i += 3
      else j += 3
    }
  }
  return both
}
