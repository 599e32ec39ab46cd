/** @file Upscales a window of low-resolution logits to the pixels that interpolate it, on the host. */
import type { BilinearAxis } from '../image/resize'
import { maskBox } from '../masks/mask'
import type { LogitWindow } from './candidate'
import type { UpscaleAxes } from '../image/upscale-axes'

/** In place of logits outside the window: below every threshold. */
const OUTSIDE = -1e30

/**
 * The logits (rows, width), from pixel (x0, y0) of the crop, of all pixels that interpolate any value of the window; null if
 * there are none. Pixels that also interpolate values outside the window get a logit far below any threshold.
 */
export function upscaleWindow(
  window: LogitWindow,
  axes: UpscaleAxes,
): { values: Float32Array; width: number; x0: number; y0: number } | null {
  const { x0, y0, width: w, height: h, data } = window
  const box = axes.reached(maskBox(window))
  if (!box) return null
  const columns = combineSteps(axes.toInput[0], axes.toImage[0], box.x0, box.x1)
  const lines = combineSteps(axes.toInput[1], axes.toImage[1], box.y0, box.y1)
  const width = box.x1 - box.x0 + 1
  // horizontally first: each row of the window at all the image's columns
  const wide = new Float32Array(h * width)
  for (let y = 0; y < h; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (let k = 4 * x; k < 4 * x + 4; k++) {
        const at = columns.indices[k] - x0
        if (columns.weights[k]) sum += columns.weights[k] * (at >= 0 && at < w ? data[y * w + at] : OUTSIDE)
      }
      wide[y * width + x] = sum
    }
  const values = new Float32Array((box.y1 - box.y0 + 1) * width)
  for (let k = 0; k < lines.indices.length; k++) {
    const [at, weight, row] = [lines.indices[k] - y0, lines.weights[k], (k >> 2) * width]
    if (!weight) continue
    if (at < 0 || at >= h) values.fill(OUTSIDE, row, row + width)
    else for (let x = 0, from = at * width; x < width; x++) values[row + x] += weight * wide[from + x]
  }
  return { values, width, x0: box.x0, y0: box.y0 }
}

/** Both bilinear steps along one axis as one: for each output in a range, the four logits that it reads and their weights. */
function combineSteps(inner: BilinearAxis, outer: BilinearAxis, first: number, last: number) {
  const indices = new Int32Array(4 * (last - first + 1))
  const weights = new Float64Array(indices.length)
  for (let i = first, at = 0; i <= last; i++, at += 4) {
    const [input, fraction] = [outer.low[i], outer.part[i]]
    const next = Math.min(input + 1, inner.low.length - 1)
    const [a, b] = [inner.low[input], inner.low[next]]
    const [p, q] = [inner.part[input], inner.part[next]]
    indices.set([a, a + 1, b, b + 1], at)
    weights.set([(1 - fraction) * (1 - p), (1 - fraction) * p, fraction * (1 - q), fraction * q], at)
  }
  return { indices, weights }
}
