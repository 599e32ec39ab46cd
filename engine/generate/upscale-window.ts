/** @file The logits of the pixels that a window of low-resolution logits reaches, on the host. */
import type { BilinearAxis } from '../image/resize'
import { maskBox } from '../masks/mask'
import type { LogitWindow } from './candidate'
import type { ImageAxes } from './image-axes'

/** Below every threshold. */
const NOTHING = -1e30

/**
 * Both bilinear steps of the pixels (in the crop) that read the window at all: values (rows, width) from (x0, y0). Pixels
 * whose neighbours lie outside the window come out far below any threshold; null where no pixel reads it.
 */
export function upscaleWindow(
  window: LogitWindow,
  axes: ImageAxes,
): { values: Float32Array; width: number; x0: number; y0: number } | null {
  const { x0, y0, width: w, height: h, data } = window
  const box = axes.reached(maskBox(window))
  if (!box) return null
  const columns = combined(axes.toInput[0], axes.toImage[0], box.x0, box.x1)
  const lines = combined(axes.toInput[1], axes.toImage[1], box.y0, box.y1)
  const width = box.x1 - box.x0 + 1
  // along the rows first: every row of the window to the image's columns
  const wide = new Float32Array(h * width)
  for (let y = 0; y < h; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (let k = 4 * x; k < 4 * x + 4; k++) {
        const at = columns.places[k] - x0
        if (columns.shares[k]) sum += columns.shares[k] * (at >= 0 && at < w ? data[y * w + at] : NOTHING)
      }
      wide[y * width + x] = sum
    }
  const values = new Float32Array((box.y1 - box.y0 + 1) * width)
  for (let k = 0; k < lines.places.length; k++) {
    const [at, share, row] = [lines.places[k] - y0, lines.shares[k], (k >> 2) * width]
    if (!share) continue
    if (at < 0 || at >= h) values.fill(NOTHING, row, row + width)
    else for (let x = 0, from = at * width; x < width; x++) values[row + x] += share * wide[from + x]
  }
  return { values, width, x0: box.x0, y0: box.y0 }
}

/** The four places of the logits that each of a range of the image's places reads, and their shares. */
function combined(inner: BilinearAxis, outer: BilinearAxis, first: number, last: number) {
  const places = new Int32Array(4 * (last - first + 1))
  const shares = new Float64Array(places.length)
  for (let i = first, at = 0; i <= last; i++, at += 4) {
    const [input, share] = [outer.low[i], outer.part[i]]
    const next = Math.min(input + 1, inner.low.length - 1)
    const [a, b] = [inner.low[input], inner.low[next]]
    const [p, q] = [inner.part[input], inner.part[next]]
    places.set([a, a + 1, b, b + 1], at)
    shares.set([(1 - share) * (1 - p), (1 - share) * p, share * (1 - q), share * q], at)
  }
  return { places, shares }
}
