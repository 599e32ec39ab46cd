/** @file Exact Euclidean distance transform. */

/**
 * The squared distance from every pixel of a (height, width) label map to the nearest pixel of another label, 0 for the
 * background; all pixels beyond the edge of the plane are of another label. A mask is a label map of one label. Linear time,
 * by the lower envelope of parabolas (Felzenszwalb and Huttenlocher, 2012).
 */
export function squaredDistance(labels: ArrayLike<number>, width: number, height: number): Float64Array {
  const result = squaredDistanceInColumns(labels, width, height)
  // along rows, one run of a label after the other: the pixels at both its ends are of another label
  const [line, lowest] = [new Float64Array(width + 2), new Float64Array(width + 2)]
  const scratch = { apex: new Int32Array(width + 2), from: new Float64Array(width + 3) }
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let start = 0, end = 1; start < width; start = end++) {
      const label = labels[row + start]
      while (end < width && labels[row + end] === label) end++
      if (!label) continue
      const count = end - start
      line[0] = line[count + 1] = 0
      for (let i = 0; i < count; i++) line[i + 1] = result[row + start + i]
      lowerEnvelope(line, count + 2, lowest, scratch)
      for (let i = 0; i < count; i++) result[row + start + i] = lowest[i + 1]
    }
  }
  return result
}

/** The index of the pixel furthest inside by such distances, the first of several. */
export function innermostPixel(distances: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < distances.length; i++) if (distances[i] > distances[best]) best = i
  return best
}

/** The squared distance to the nearest pixel of another label in the same column. */
function squaredDistanceInColumns(labels: ArrayLike<number>, width: number, height: number): Float64Array {
  const result = new Float64Array(width * height)
  for (let at = 0; at < result.length; at++)
    if (labels[at]) result[at] = at >= width && labels[at] === labels[at - width] ? result[at - width] + 1 : 1
  const below = new Float64Array(width)
  for (let y = height - 1; y >= 0; y--)
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      below[x] = y + 1 < height && labels[at] === labels[at + width] ? below[x] + 1 : 1
      result[at] = Math.min(result[at], below[x]) ** 2
    }
  return result
}

/** Writes the lower envelope of the parabolas q ↦ line[p] + (q − p)² at each q below `length` to `lowest`. */
function lowerEnvelope(
  line: Float64Array,
  length: number,
  lowest: Float64Array,
  { apex, from }: { apex: Int32Array; from: Float64Array },
): void {
  let last = 0
  apex[0] = 0
  from[0] = -Infinity
  for (let q = 1; q < length; q++) {
    const height = line[q] + q * q
    let meet = -Infinity
    for (;;) {
      const p = apex[last]
      meet = (height - line[p] - p * p) / (2 * (q - p))
      if (meet > from[last]) break
      last--
    }
    apex[++last] = q
    from[last] = meet
  }
  from[last + 1] = Infinity
  for (let q = 0, k = 0; q < length; q++) {
    while (from[k + 1] < q) k++
    lowest[q] = (q - apex[k]) ** 2 + line[apex[k]]
  }
}
