/**
 * @file Resamples position tables to an input size other than the checkpoint's, as the reference implementation does
 * (bilinear, align_corners false). Done once, on the host, when weights are loaded.
 */

/** The two inputs, of `from`, that each of `to` outputs is interpolated between; `t` is the weight of the higher. */
function taps(from: number, to: number): { low: number; high: number; t: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5)
    const low = Math.min(Math.floor(at), from - 1)
    return { low, high: Math.min(low + 1, from - 1), t: at - low }
  })
}

/** Resamples a table (rows, d) linearly along its rows to (length, d). */
export function resizeColumns(data: Float32Array, rows: number, d: number, length: number): Float32Array {
  if (rows === length) return data
  const out = new Float32Array(length * d)
  taps(rows, length).forEach(({ low, high, t }, i) => {
    for (let j = 0; j < d; j++) out[i * d + j] = (1 - t) * data[low * d + j] + t * data[high * d + j]
  })
  return out
}

/** Resamples pos_embed (h, w, c) bilinearly to (height, width, c). */
export function resizePosition(
  data: Float32Array,
  h: number,
  w: number,
  c: number,
  height: number,
  width: number,
): Float32Array {
  if (h === height && w === width) return data
  const tall = resizeColumns(data, h, w * c, height)
  const out = new Float32Array(height * width * c)
  for (let y = 0; y < height; y++) {
    out.set(resizeColumns(tall.subarray(y * w * c, (y + 1) * w * c), w, c, width), y * width * c)
  }
  return out
}
