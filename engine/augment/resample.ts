/** @file Resampling of labelled images: rotated and resized windows, and Gaussian blur. */
import type { Sample } from '../image/sample'

/** A rectangle in an image: its centre and size in pixels, and its clockwise rotation in radians. */
export interface Window {
  x: number
  y: number
  width: number
  height: number
  angle: number
  /** Pixels of the result for one pixel of the image. */
  zoom: number
}

/**
 * Resamples a window of a sample: values by bilinear interpolation, labels from the nearest pixel. Outside the image the
 * nearest pixel of its edge is repeated.
 */
export function takeWindow(source: Sample, window: Window): Sample {
  const width = Math.max(1, Math.round(window.width * window.zoom))
  const height = Math.max(1, Math.round(window.height * window.zoom))
  const [cos, sin] = [Math.cos(window.angle), Math.sin(window.angle)]
  const rgb = new Uint8Array(width * height * 3)
  const labels = new Uint16Array(width * height)
  const [right, bottom] = [source.width - 1, source.height - 1]
  const line = 3 * source.width
  for (let j = 0, to = 0; j < height; j++) {
    const v = ((j + 0.5) / height - 0.5) * window.height
    for (let i = 0; i < width; i++, to++) {
      const u = ((i + 0.5) / width - 0.5) * window.width
      const x = clamp(window.x + u * cos - v * sin - 0.5, right)
      const y = clamp(window.y + u * sin + v * cos - 0.5, bottom)
      labels[to] = source.labels[Math.round(y) * source.width + Math.round(x)]
      const [x0, y0] = [Math.floor(x), Math.floor(y)]
      const [fx, fy] = [x - x0, y - y0]
      const at = y0 * line + 3 * x0
      const across = x0 < right ? 3 : 0
      const down = y0 < bottom ? line : 0
      for (let c = 0; c < 3; c++) {
        const a = source.rgb[at + c]
        const b = source.rgb[at + across + c]
        const upper = a + (b - a) * fx
        const d = source.rgb[at + down + c]
        const lower = d + (source.rgb[at + down + across + c] - d) * fx
        rgb[3 * to + c] = upper + (lower - upper) * fy + 0.5
      }
    }
  }
  return { width, height, rgb, labels }
}

const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value))

/** Gaussian blurs of a smaller standard deviation (pixels) are skipped: they change next to nothing. */
const MIN_BLUR = 0.2

/** The sample with its values blurred by a Gaussian of this standard deviation in pixels; labels are not changed. */
export function blurred(sample: Sample, deviation: number): Sample {
  if (deviation < MIN_BLUR) return sample
  const { width, height, rgb } = sample
  const reach = Math.ceil(3 * deviation)
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-(((k - reach) / deviation) ** 2) / 2),
  )
  const sum = weights.reduce((a, b) => a + b)
  const taps = weights.map((w) => w / sum)
  const line = 3 * width
  const rows = new Float32Array(rgb.length)
  const padded = new Float32Array(line + 6 * reach)
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < padded.length; i++) {
      const x = Math.min(width - 1, Math.max(0, Math.floor(i / 3) - reach))
      padded[i] = rgb[y * line + 3 * x + (i % 3)]
    }
    const row = rows.subarray(y * line, (y + 1) * line)
    for (const [k, tap] of taps.entries()) addTo(row, padded.subarray(3 * k), tap)
  }
  const result = new Uint8Array(rgb.length)
  const mean = new Float32Array(line)
  for (let y = 0; y < height; y++) {
    mean.fill(0.5) // conversion to bytes truncates
    for (const [k, tap] of taps.entries()) {
      const from = Math.min(height - 1, Math.max(0, y + k - reach))
      addTo(mean, rows.subarray(from * line, (from + 1) * line), tap)
    }
    result.set(mean, y * line)
  }
  return { ...sample, rgb: result }
}

/** Adds the first values of `from` times `weight` to `sum`. */
function addTo(sum: Float32Array, from: Float32Array, weight: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] += weight * from[i]
}
