/** @file Bilinear resampling: with antialiasing for images, bit for bit as Pillow; without for logits, as PyTorch. */

/** The filter of a resized axis: output o is the weighted sum of `count[o]` inputs from `first[o]` on. */
interface FilterTaps {
  first: Int32Array
  count: Int32Array
  /** (outputs, reach), fixed point with WEIGHT_BITS fractional bits */
  weights: Int32Array
  /** Maximum number of inputs of one output. */
  reach: number
}

/** As in Pillow: 8 bits of a pixel, 22 of a weight and 2 spare ones fill a 32-bit sum. */
const WEIGHT_BITS = 22

/** The triangle filter, widened by the scale when shrinking, normalised and rounded to fixed point. */
function triangleTaps(inputs: number, outputs: number): FilterTaps {
  const scale = inputs / outputs
  const support = Math.max(scale, 1)
  const reach = Math.ceil(support) * 2 + 1
  const first = new Int32Array(outputs)
  const count = new Int32Array(outputs)
  const weights = new Int32Array(outputs * reach)
  const raw = new Float64Array(reach)
  for (let o = 0; o < outputs; o++) {
    const centre = (o + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - support + 0.5))
    const high = Math.min(inputs, Math.trunc(centre + support + 0.5))
    let sum = 0
    for (let i = low; i < high; i++) {
      raw[i - low] = Math.max(0, 1 - Math.abs((i - centre + 0.5) / support))
      sum += raw[i - low]
    }
    for (let i = 0; i < high - low; i++) weights[o * reach + i] = Math.round(raw[i] * (1 / sum) * 2 ** WEIGHT_BITS)
    first[o] = low
    count[o] = high - low
  }
  return { first, count, weights, reach }
}

/** Resamples the middle axis of a plane of shape (outer, inputs, inner). */
function resampleAxis(source: Uint8Array, outer: number, inputs: number, outputs: number, inner: number): Uint8Array {
  const { first, count, weights, reach } = triangleTaps(inputs, outputs)
  const result = new Uint8Array(outer * outputs * inner)
  for (let line = 0; line < outer; line++)
    for (let o = 0; o < outputs; o++) {
      const from = (line * inputs + first[o]) * inner
      const to = (line * outputs + o) * inner
      const w = o * reach
      for (let c = 0; c < inner; c++) {
        let sum = 1 << (WEIGHT_BITS - 1)
        for (let i = 0, at = from + c; i < count[o]; i++, at += inner) sum += source[at] * weights[w + i]
        const value = sum >> WEIGHT_BITS
        result[to + c] = value < 0 ? 0 : value > 255 ? 255 : value
      }
    }
  return result
}

/**
 * Resizes an interleaved 8-bit image (height, width, channels) with the antialiased bilinear filter: horizontally first,
 * rounded to 8 bits after each axis. The result has the same bits as Pillow's resize, which the reference implementation
 * uses.
 */
export function resizeBytes(
  data: Uint8Array,
  width: number,
  height: number,
  channels: number,
  newWidth: number,
  newHeight: number,
): Uint8Array {
  const rows = newWidth === width ? data : resampleAxis(data, height, width, newWidth, channels)
  return newHeight === height ? rows : resampleAxis(rows, 1, height, newHeight, newWidth * channels)
}

/** Bilinear interpolation along one axis: output i is x[low[i]] + part[i] * (x[low[i] + 1] - x[low[i]]). */
export interface BilinearAxis {
  /** Index of the first of the two inputs. */
  low: Int32Array
  /** Weight of the second, 0 to 1. */
  part: Float32Array
}

/**
 * The table of an axis resized from `inputs` to `outputs` with align_corners = false, clamped at the ends.
 * @param kept number of outputs in the table, from the first
 */
export function bilinearAxis(inputs: number, outputs: number, kept = outputs): BilinearAxis {
  const low = new Int32Array(kept)
  const part = new Float32Array(kept)
  for (let o = 0; o < kept; o++) {
    const at = Math.min(Math.max(0, ((o + 0.5) * inputs) / outputs - 0.5), inputs - 1)
    low[o] = Math.min(Math.floor(at), Math.max(0, inputs - 2))
    part[o] = at - low[o]
  }
  return { low, part }
}

/**
 * Resizes a (height, width) plane bilinearly with align_corners = false and without antialiasing, as torch's interpolate.
 * Returns the upper left `cropHeight` x `cropWidth` of the `newHeight` x `newWidth` result.
 */
export function resizePlane(
  plane: Float32Array,
  width: number,
  height: number,
  newWidth: number,
  newHeight: number,
  cropWidth = newWidth,
  cropHeight = newHeight,
): Float32Array {
  const xs = bilinearAxis(width, newWidth, cropWidth)
  const ys = bilinearAxis(height, newHeight, cropHeight)
  const right = width > 1 ? 1 : 0
  const below = height > 1 ? width : 0
  const result = new Float32Array(cropWidth * cropHeight)
  for (let y = 0; y < cropHeight; y++) {
    const row = ys.low[y] * width
    const fy = ys.part[y]
    for (let x = 0; x < cropWidth; x++) {
      const i = row + xs.low[x]
      const fx = xs.part[x]
      const top = plane[i] + (plane[i + right] - plane[i]) * fx
      const bottom = plane[i + below] + (plane[i + below + right] - plane[i + below]) * fx
      result[y * cropWidth + x] = top + (bottom - top) * fy
    }
  }
  return result
}
