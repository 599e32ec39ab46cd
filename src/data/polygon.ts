/**
 * Fills a polygon [x0, y0, x1, y1, …] by the even-odd rule: a pixel is inside where its centre (x + 0.5, y + 0.5) is.
 * Calls `span` with (y, first x, number of pixels), cut to the picture.
 * @throws Error for fewer than three points or coordinates that are not finite
 */
export function fillPolygon(
  polygon: readonly number[],
  width: number,
  height: number,
  span: (y: number, x: number, length: number) => void,
): void {
  const points = polygon.length / 2
  if (!Number.isInteger(points) || points < 3)
    throw new Error(`a polygon needs at least three x, y pairs, this one has ${polygon.length} numbers`)
  let [low, high] = [Infinity, -Infinity]
  for (let i = 0; i < polygon.length; i++) {
    if (!Number.isFinite(polygon[i])) throw new Error('a polygon has a coordinate that is not a number')
    if (i & 1) [low, high] = [Math.min(low, polygon[i]), Math.max(high, polygon[i])]
  }
  const crossings: number[] = []
  for (let y = Math.max(0, Math.floor(low - 0.5)); y <= Math.min(height - 1, Math.ceil(high)); y++) {
    const middle = y + 0.5
    crossings.length = 0
    for (let i = 0, j = points - 1; i < points; j = i++) {
      const [xa, ya, xb, yb] = [polygon[2 * i], polygon[2 * i + 1], polygon[2 * j], polygon[2 * j + 1]]
      if (ya <= middle !== yb <= middle) crossings.push(xa + ((middle - ya) / (yb - ya)) * (xb - xa))
    }
    crossings.sort((a, b) => a - b)
    for (let c = 0; c + 1 < crossings.length; c += 2) {
      const from = Math.max(0, Math.ceil(crossings[c] - 0.5))
      const to = Math.min(width, Math.ceil(crossings[c + 1] - 0.5))
      if (to > from) span(y, from, to - from)
    }
  }
}
