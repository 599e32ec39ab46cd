/** @file Fills polygons by the even-odd rule (scan-line algorithm), for all annotation formats. */

/** The work that may still be done: crossings of sides and rows. A safeguard against malicious files. */
export interface FillBudget {
  crossings: number
}

/** Polygons with more crossings are refused. */
const MOST_CROSSINGS = 2 ** 25

/** A side of a polygon, from its upper to its lower end. */
interface Side {
  /** First and last row whose pixel centres it crosses. */
  first: number
  last: number
  /** The upper end. */
  x: number
  y: number
  /** Change of x per row. */
  slope: number
}

/**
 * Fills a polygon [x0, y0, x1, y1, …] by the even-odd rule: a pixel is inside if its centre (x + 0.5, y + 0.5) is. Calls
 * `span` with (y, first x, number of pixels), clipped to the image. Coinciding sides cancel, so that a hole may be joined to
 * the outline by a line there and back.
 * @param budget shared by the polygons of an image; what this one takes is subtracted
 * @throws Error for fewer than three points, coordinates that are not finite, or more work than the budget allows
 */
export function fillPolygon(
  polygon: readonly number[],
  width: number,
  height: number,
  span: (y: number, x: number, length: number) => void,
  budget?: FillBudget,
): void {
  const sides = sidesOf(polygon, height)
  let crossed = 0
  for (const { first, last } of sides) crossed += last - first + 1
  if (budget) budget.crossings -= crossed
  if (crossed > MOST_CROSSINGS || (budget && budget.crossings < 0))
    throw new Error(`a polygon of ${polygon.length / 2} points crosses too many rows`)
  sides.sort((a, b) => a.first - b.first)
  let next = 0
  let active: Side[] = []
  for (let y = sides[0]?.first ?? 0; y < height && (active.length || next < sides.length); y++) {
    while (next < sides.length && sides[next].first <= y) active.push(sides[next++])
    active = active.filter(({ last }) => last >= y)
    const crossings = Float64Array.from(active, (side) => side.x + (y + 0.5 - side.y) * side.slope).sort()
    for (let c = 0; c + 1 < crossings.length; c += 2) {
      const from = Math.max(0, Math.ceil(crossings[c] - 0.5))
      const to = Math.min(width, Math.ceil(crossings[c + 1] - 0.5))
      if (to > from) span(y, from, to - from)
    }
  }
}

/** The sides that cross the centre of a row, all directed downwards so that equal sides have exactly equal crossings. */
function sidesOf(polygon: readonly number[], height: number): Side[] {
  const points = polygon.length / 2
  if (!Number.isInteger(points) || points < 3)
    throw new Error(`a polygon needs at least three x, y pairs, this one has ${polygon.length} numbers`)
  for (const value of polygon)
    if (!Number.isFinite(value)) throw new Error('a polygon has a coordinate that is not a number')
  const sides: Side[] = []
  for (let i = 0, j = points - 1; i < points; j = i++) {
    const [upper, lower] = polygon[2 * i + 1] < polygon[2 * j + 1] ? [i, j] : [j, i]
    const [x, y] = [polygon[2 * upper], polygon[2 * upper + 1]]
    const [endX, endY] = [polygon[2 * lower], polygon[2 * lower + 1]]
    // a row centre at the end of a side belongs to the side below it
    const first = Math.max(0, Math.ceil(y - 0.5))
    const last = Math.min(height - 1, Math.ceil(endY - 0.5) - 1)
    if (first <= last) sides.push({ first, last, x, y, slope: (endX - x) / (endY - y) })
  }
  return sides
}
