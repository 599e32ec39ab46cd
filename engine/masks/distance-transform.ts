/** @file Exact Euclidean distance transform. */

/**
 * The squared distance from every pixel of a (height, width) label map to the nearest pixel of another label, 0 for the
 * background; all pixels beyond the edge of the plane are of another label. A mask is a label map of one label. Linear time,
 * by the lower envelope of parabolas (Felzenszwalb and Huttenlocher, 2012).
 */
export function squaredDistance(labels: ArrayLike<number>, width: number, height: number): Float64Array {
  const result = new Float64Array(width * height)
  // along columns: the distance to the nearest pixel of another label in the column
  for (let x = 0; x < width; x++) {
    const sweep = (start: number, end: number, direction: 1 | -1, write: (at: number, steps: number) => void) => {
      let steps = 0
      let before = 0
      for (let y = start; y !== end; y += direction) {
        const at = y * width + x
        const label = labels[at]
        steps = label === before ? steps + 1 : 1
        before = label
        write(at, label ? steps : 0)
      }
    }
    sweep(0, height, 1, (at, steps) => (result[at] = steps))
    sweep(height - 1, -1, -1, (at, steps) => (result[at] = Math.min(result[at], steps) ** 2))
  }
  const line = new Float64Array(width + 2)
  const envelope = new Envelope(width + 2)
  // along rows, one run of a label after the other: the pixels at both its ends are of another label
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let start = 0, end = 1; start < width; start = end++) {
      const label = labels[row + start]
      while (end < width && labels[row + end] === label) end++
      if (!label) continue
      const count = end - start
      line[0] = line[count + 1] = 0
      for (let i = 0; i < count; i++) line[i + 1] = result[row + start + i]
      envelope.lower(line, count + 2, (q, value) => {
        if (q > 0 && q <= count) result[row + start + q - 1] = value
      })
    }
  }
  return result
}

/** The lower envelope of parabolas q ↦ line[p] + (q − p)², for lines of up to a maximum length. */
class Envelope {
  private readonly apex: Int32Array
  private readonly from: Float64Array

  constructor(length: number) {
    this.apex = new Int32Array(length)
    this.from = new Float64Array(length + 1)
  }

  /** Passes the envelope's value at each q in 0 .. length − 1 to `write`. */
  lower(line: Float64Array, length: number, write: (q: number, value: number) => void): void {
    const { apex, from } = this
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
    for (let q = 0, k = 0; q < length; q++) {
      while (from[k + 1] < q) k++
      write(q, (q - apex[k]) ** 2 + line[apex[k]])
    }
  }
}
