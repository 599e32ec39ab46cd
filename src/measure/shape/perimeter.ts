/** @file The perimeter of a mask, by Crofton's formula in eight directions. */
import { areaOf, type PixelRuns } from './pixel-runs'

/**
 * Crofton's formula: the length of a curve is half the integral, over all directions, of the number of crossings with
 * lines in that direction. Lines through pixel centres in direction v are 1 / |v| apart; each direction is weighted by the
 * range of angles nearest to it.
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
 * The perimeter in pixels. Unbiased on average over all directions of the border, and so for discs; for a straight side the
 * result is 98.5 to 101.4 % of its length. Parts thinner than about three pixels are underestimated.
 */
export function perimeterOf(runs: PixelRuns): number {
  const area = areaOf(runs)
  let length = 0
  // lines leave the mask as often as they enter it
  for (const { dx, dy, weight } of directions) length += weight * (area - overlap(runs, dx, dy))
  return length
}

/** The number of mask pixels whose neighbour at (+dx, +dy) is in the mask too; dy is 0 or more. */
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
