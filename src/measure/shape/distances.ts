/** @file Measures from the distances inside and around a mask: the largest inscribed circle and the fractal dimension of the outline. */
import { squaredDistance } from '../../../engine/masks/distance-transform'
import { boundsOf, isScattered, type PixelRuns } from './pixel-runs'

/** The largest region in pixels for which distances are computed; a particle in a larger box has no such measures. */
const MAX_PIXELS = 2 ** 25

/** Outlines of particles narrower than this are too coarse for a fractal dimension. */
const NARROWEST = 24

/** Distances at which the outline is thickened: from two pixels to a sixth of the width, this many. */
const STEPS = 8

/**
 * - `inscribed`: diameter in pixels of the largest circle around a pixel's centre without the centre of a background pixel
 *   inside. (Half a pixel less on either side would be right for straight sides along the pixels and too little for all
 *   other outlines.)
 * - `fractal`: Minkowski's dimension of the outline, 1 for a smooth one, towards 2 the rougher it is. The outline thickened
 *   by a distance r on both sides has an area that grows with r to the power of 2 − D; D is fitted to the logarithms, for r
 *   from 2 pixels to a sixth of the mask's smaller side. null for masks narrower than 24 pixels.
 *
 * Both are null for a mask that is scattered over a large rectangle, or too large.
 *
 * @param filled a mask without holes
 */
export function distanceMeasures(filled: PixelRuns): { inscribed: number | null; fractal: number | null } {
  if (isScattered(filled)) return { inscribed: null, fractal: null }
  const { left, top, right, bottom } = boundsOf(filled)
  const [width, height] = [right - left, bottom - top]
  const narrow = Math.min(width, height)
  const reach = narrow / 6
  // room for the thickened outline, and as much again: beyond the plane nothing counts as background, so that distances
  // near its frame are too small
  const band = narrow < NARROWEST ? 0 : Math.ceil(reach) + 2
  const margin = 2 * band + 1
  const [columns, rows] = [width + 2 * margin, height + 2 * margin]
  if (columns * rows > MAX_PIXELS) return { inscribed: null, fractal: null }
  const mask = new Uint8Array(columns * rows)
  for (let i = 0; i < filled.length; i += 3) {
    const row = (filled[i] - top + margin) * columns + margin - left
    mask.fill(1, row + filled[i + 1], row + filled[i + 2])
  }
  const inside = squaredDistance(mask, columns, rows)
  const inscribed = 2 * Math.sqrt(inside.reduce((a, b) => Math.max(a, b), 0))
  if (narrow < NARROWEST) return { inscribed, fractal: null }
  const outside = squaredDistance(
    mask.map((value) => 1 - value),
    columns,
    rows,
  )
  const radii = Array.from({ length: STEPS }, (_, i) => 2 * (reach / 2) ** (i / (STEPS - 1)))
  const limits = radii.map((radius) => (radius + 0.5) ** 2)
  const areas = limits.map(() => 0)
  for (let y = band; y < rows - band; y++)
    for (let x = band, at = y * columns + band; x < columns - band; x++, at++) {
      const distance = mask[at] ? inside[at] : outside[at]
      for (let i = STEPS - 1; i >= 0 && distance <= limits[i]; i--) areas[i]++
    }
  return { inscribed, fractal: 2 - slope(radii.map(Math.log), areas.map(Math.log)) }
}

/** The slope of the line of least squares. */
function slope(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const [mx, my] = [mean(x), mean(y)]
  return x.reduce((sum, value, i) => sum + (value - mx) * (y[i] - my), 0) / x.reduce((sum, v) => sum + (v - mx) ** 2, 0)
}
