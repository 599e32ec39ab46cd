/** @file Convex hulls of masks in exact integers: of pixel corners for Feret diameters, of pixel centres for solidity. */
import type { PixelRuns } from './pixel-runs'

/** Corners in order around the hull, as x, y, x, y … */
export type Hull = readonly number[]

/** The extent of each row of points as y, smallest x, largest x; flat, ordered by y. */
type RowExtents = readonly number[]

/** The hull of all corners of the mask's pixels; pixel (x, y) extends from (x, y) to (x + 1, y + 1). */
export function cornerHull(runs: PixelRuns): Hull {
  const rows = extremes(runs)
  const lines: number[] = []
  for (let i = 0; i < rows.length; i += 3) {
    const [y, low, high] = [rows[i], rows[i + 1], rows[i + 2]]
    const last = lines.length - 3
    // the lower corners of a row are the upper corners of the next
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

/** For each row: y, its first column, and one past its last. */
function extremes(runs: PixelRuns): number[] {
  const rows: number[] = []
  for (let i = 0; i < runs.length; i += 3)
    if (runs[i] === rows[rows.length - 3]) rows[rows.length - 1] = runs[i + 2]
    else rows.push(runs[i], runs[i + 1], runs[i + 2])
  return rows
}

/** Goes down the right side and up the left side; a point on both sides is included once. */
function hullOf(lines: RowExtents): Hull {
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

/** Adds the next point of a side, and removes earlier points that are no longer corners. */
function push(chain: number[], x: number, y: number, side: 1 | -1): void {
  for (; chain.length >= 4; chain.length -= 2) {
    const end = chain.length
    const [ax, ay, bx, by] = [chain[end - 4], chain[end - 3], chain[end - 2], chain[end - 1]]
    if (((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * side > 0) break
  }
  chain.push(x, y)
}

/**
 * The number of pixel centres inside a hull of centres, by Pick's theorem. For a convex shape this is exactly its number of
 * pixels.
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

/** The pixels whose centres are in a hull of centres. Of a convex mask, these are its own pixels. */
export function runsInside(hull: Hull): PixelRuns {
  const count = hull.length / 2
  const top = Math.min(...ys(hull))
  const bottom = Math.max(...ys(hull))
  const from = new Float64Array(bottom - top + 1).fill(Infinity)
  const to = new Float64Array(bottom - top + 1).fill(-Infinity)
  for (let i = 0; i < count; i++) {
    const [ax, ay, bx, by] = [
      hull[2 * i],
      hull[2 * i + 1],
      hull[(2 * i + 2) % hull.length],
      hull[(2 * i + 3) % hull.length],
    ]
    const [steps, way] = [Math.abs(by - ay), Math.sign(by - ay)]
    for (let step = 0; step <= steps; step++) {
      const row = ay + step * way - top
      // numerator and denominator are integers: a centre exactly on the line is found exactly
      const [across, down] = steps ? [(bx - ax) * step, steps] : [0, 1]
      from[row] = Math.min(from[row], ax + Math.ceil(across / down))
      to[row] = Math.max(to[row], ax + Math.floor(across / down))
      if (!steps) {
        from[row] = Math.min(from[row], bx)
        to[row] = Math.max(to[row], bx)
      }
    }
  }
  const runs: number[] = []
  from.forEach((x, row) => {
    if (x <= to[row]) runs.push(top + row, x, to[row] + 1)
  })
  return Int32Array.from(runs)
}

const ys = (hull: Hull) => hull.filter((_, i) => i % 2 === 1)

const gcd = (a: number, b: number): number => (b ? gcd(b, a % b) : a)

/**
 * The largest and smallest distance between two parallel lines that enclose the hull, by rotating calipers. The hull must
 * have a positive area.
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
    // if the opposite side is parallel to this one, both of its ends are candidates
    const last = above(j + 1) === above(j) ? j + 1 : j
    for (let k = j; k <= last; k++)
      for (const end of [i, i + 1]) max = Math.max(max, Math.hypot(x(end) - x(k), y(end) - y(k)))
  }
  return { max, min }
}

/** Sides of the rectangle of the smallest area, at any angle, around a hull of positive area: it has a side along one of the hull's. */
export function smallestRectangle(hull: Hull): { length: number; width: number } {
  const count = hull.length / 2
  let smallest = { length: Infinity, width: Infinity }
  for (let i = 0; i < count; i++) {
    const j = (i + 1) % count
    const [dx, dy] = [hull[2 * j] - hull[2 * i], hull[2 * j + 1] - hull[2 * i + 1]]
    let [near, far, left, right] = [Infinity, -Infinity, Infinity, -Infinity]
    for (let k = 0; k < count; k++) {
      const [x, y] = [hull[2 * k], hull[2 * k + 1]]
      const [along, across] = [dx * x + dy * y, dx * y - dy * x]
      left = Math.min(left, along)
      right = Math.max(right, along)
      near = Math.min(near, across)
      far = Math.max(far, across)
    }
    // projections are as long as the side times the distance
    const side = Math.hypot(dx, dy)
    const [a, b] = [(right - left) / side, (far - near) / side]
    if (a * b < smallest.length * smallest.width) smallest = { length: Math.max(a, b), width: Math.min(a, b) }
  }
  return smallest
}
