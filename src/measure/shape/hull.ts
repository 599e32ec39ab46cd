/** @file Convex hulls of masks, exact in whole numbers: of pixel corners for Feret's diameters, of centres for solidity. */
import type { PixelRuns } from './pixel-runs'

/** Corners in order around the hull, x and y by turns. */
export type Hull = readonly number[]

/** What a row of points has at most: y, the least x, the greatest x; flat, by y. */
type Lines = readonly number[]

/** The hull of all corners of the mask's pixels; pixel (x, y) reaches from (x, y) to (x + 1, y + 1). */
export function cornerHull(runs: PixelRuns): Hull {
  const rows = extremes(runs)
  const lines: number[] = []
  for (let i = 0; i < rows.length; i += 3) {
    const [y, low, high] = [rows[i], rows[i + 1], rows[i + 2]]
    const last = lines.length - 3
    // the lower corners of one row are the upper ones of the next
    if (lines[last] === y) {
      lines[last + 1] = Math.min(lines[last + 1], low)
      lines[last + 2] = Math.max(lines[last + 2], high)
    } else lines.push(y, low, high)
    lines.push(y + 1, low, high)
  }
  return hullOf(lines)
}

/** The hull of the centres of the mask's pixels, where pixel (x, y) has its centre at (x, y). */
export const centreHull = (runs: PixelRuns): Hull =>
  hullOf(extremes(runs).map((value, i) => (i % 3 === 2 ? value - 1 : value)))

/** Each row's first column and one past its last. */
function extremes(runs: PixelRuns): number[] {
  const rows: number[] = []
  for (let i = 0; i < runs.length; i += 3)
    if (runs[i] === rows[rows.length - 3]) rows[rows.length - 1] = runs[i + 2]
    else rows.push(runs[i], runs[i + 1], runs[i + 2])
  return rows
}

/** Down the right side and up the left one; a point of both sides is there once. */
function hullOf(lines: Lines): Hull {
  const [left, right]: [number[], number[]] = [[], []]
  for (let i = 0; i < lines.length; i += 3) {
    push(left, lines[i + 1], lines[i], -1)
    push(right, lines[i + 2], lines[i], 1)
  }
  for (let i = left.length - 2; i >= 0; i -= 2) {
    const [x, y] = [left[i], left[i + 1]]
    const repeated = (at: number) => right[at] === x && right[at + 1] === y
    if (!repeated(0) && !repeated(right.length - 2)) right.push(x, y)
  }
  return right
}

/** Adds the next point of a side; those that are no corners any more go. */
function push(chain: number[], x: number, y: number, side: 1 | -1): void {
  for (; chain.length >= 4; chain.length -= 2) {
    const end = chain.length
    const [ax, ay, bx, by] = [chain[end - 4], chain[end - 3], chain[end - 2], chain[end - 1]]
    if (((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * side > 0) break
  }
  chain.push(x, y)
}

/**
 * How many pixel centres lie in a hull of centres, by Pick's theorem. Of a convex shape's pixels that is their number,
 * exactly.
 */
export function centresInside(hull: Hull): number {
  let [twice, border] = [0, 0]
  for (let i = 0; i < hull.length; i += 2) {
    const j = (i + 2) % hull.length
    twice += hull[i] * hull[j + 1] - hull[j] * hull[i + 1]
    border += gcd(Math.abs(hull[j] - hull[i]), Math.abs(hull[j + 1] - hull[i + 1]))
  }
  return (Math.abs(twice) + border) / 2 + 1
}

const gcd = (a: number, b: number): number => (b ? gcd(b, a % b) : a)

/**
 * The largest and the smallest distance between two parallel lines that hold the hull between them, by rotating
 * calipers. The hull has an area.
 */
export function feretDiameters(hull: Hull): { max: number; min: number } {
  const count = hull.length / 2
  const x = (i: number) => hull[2 * (i % count)]
  const y = (i: number) => hull[2 * (i % count) + 1]
  let [max, min] = [0, Infinity]
  for (let i = 0, j = 1; i < count; i++) {
    const [dx, dy] = [x(i + 1) - x(i), y(i + 1) - y(i)]
    const above = (k: number) => Math.abs(dx * (y(k) - y(i)) - dy * (x(k) - x(i)))
    while (above(j + 1) > above(j)) j++
    min = Math.min(min, above(j) / Math.hypot(dx, dy))
    // where a side is parallel to this one, both its ends are opposite
    const last = above(j + 1) === above(j) ? j + 1 : j
    for (let k = j; k <= last; k++)
      for (const end of [i, i + 1]) max = Math.max(max, Math.hypot(x(end) - x(k), y(end) - y(k)))
  }
  return { max, min }
}
