/** @file Exact Euclidean distance transform. */

/**
 * The squared distance from every pixel of a (height, width) mask to the nearest pixel outside it; all pixels beyond the
 * edge of the plane are outside. Linear time, by the lower envelope of parabolas (Felzenszwalb and Huttenlocher, 2012).
 */
export function squaredDistance(mask: ArrayLike<number>, width: number, height: number): Float64Array {
  const result = new Float64Array(width * height)
  // along columns: the distance to the nearest outside pixel of the column
  for (let x = 0; x < width; x++) {
    let steps = 0
    for (let y = 0; y < height; y++) result[y * width + x] = steps = mask[y * width + x] ? steps + 1 : 0
    steps = 0
    for (let y = height - 1; y >= 0; y--) {
      const at = y * width + x
      steps = mask[at] ? steps + 1 : 0
      result[at] = Math.min(result[at], steps) ** 2
    }
  }
  // along rows, with one outside pixel added at either end
  const length = width + 2
  const line = new Float64Array(length)
  const apex = new Int32Array(length)
  const from = new Float64Array(length + 1)
  for (let y = 0; y < height; y++) {
    line.set(result.subarray(y * width, (y + 1) * width), 1)
    let last = 0
    apex[0] = 0
    from[0] = -Infinity
    from[1] = Infinity
    for (let q = 1; q < length; q++) {
      const meet = () => (line[q] + q * q - line[apex[last]] - apex[last] ** 2) / (2 * (q - apex[last]))
      let at = meet()
      while (at <= from[last]) {
        last--
        at = meet()
      }
      apex[++last] = q
      from[last] = at
      from[last + 1] = Infinity
    }
    for (let q = 1, k = 0; q <= width; q++) {
      while (from[k + 1] < q) k++
      result[y * width + q - 1] = (q - apex[k]) ** 2 + line[apex[k]]
    }
  }
  return result
}
