/**
 * @file Dark features inside a particle in its image: pores and cracks that the mask does not leave out.
 *
 * A pixel is dark if the black top-hat of the image there, the closing by a square minus the image, exceeds its median in the
 * particle by six standard deviations of the image's noise and of the top-hat itself, and by a quarter of its gray. The top-hat keeps what is narrower than the square, a quarter of
 * the particle's width and 33 pixels at most, and so no shading. Pixels nearer to the outline than half the square are left out, since particles
 * darken at their rims. Connected dark pixels are a crack if their region is at least three times as long as wide,
 * otherwise a pore; regions of fewer than five pixels are left out as noise.
 */
import { components } from '../../engine/masks/components'
import { squaredDistance } from '../../engine/masks/distance-transform'
import type { Image } from '../images/image'
import { quantile } from '../statistics/quantile'
import { cornerHull, feretDiameters } from './shape/hull'
import { boundsOf, isScattered, type PixelRuns } from './shape/pixel-runs'

export interface Interior {
  /** Pixels of the particle that were looked at: those away from the outline. */
  area: number
  /** Pixels of dark regions that are round, and of those that are long. */
  pores: number
  cracks: number
  /** The sum of the cracks' lengths (maximum Feret diameters), in pixels. */
  crackLength: number
}

/** Particles narrower than this have too few pixels inside. */
const NARROWEST = 24
const MAX_PIXELS = 2 ** 22
const MAX_REACH = 16
const NOISE_FACTOR = 6
const SMALLEST = 5
/** The least darkness of a dark pixel, as a fraction of the particle's median gray: grain and texture are fainter. */
const CONTRAST = 0.25
/** A region this many times as long as wide is a crack. */
const CRACK_ASPECT = 3

/** @param filled the particle without holes @returns null for a particle that is too narrow, scattered or too large */
export function interiorOf(filled: PixelRuns, image: Image): Interior | null {
  if (isScattered(filled)) return null
  const { left, top, right, bottom } = boundsOf(filled)
  const [width, height] = [right - left, bottom - top]
  const narrow = Math.min(width, height)
  if (narrow < NARROWEST || width * height > MAX_PIXELS) return null
  const inside = new Uint8Array(width * height)
  const gray = new Float64Array(width * height)
  const { channels, data } = image
  for (let i = 0; i < filled.length; i += 3)
    for (let x = filled[i + 1]; x < filled[i + 2]; x++) {
      const at = (filled[i] - top) * width + x - left
      inside[at] = 1
      const from = (filled[i] * image.width + x) * channels
      for (let channel = 0; channel < channels; channel++) gray[at] += data[from + channel] / channels
    }
  const reach = Math.min(MAX_REACH, Math.max(2, Math.round(narrow / 8)))
  const distance = squaredDistance(inside, width, height)
  const inner = inside.map((_, i) => Number(distance[i] > reach * reach))
  const used = [...inner.keys()].filter((i) => inner[i])
  if (used.length < 4 * SMALLEST || !used.every((i) => Number.isFinite(gray[i]))) return null
  const closed = closing(gray, inside, width, height, reach)
  const hat = used.map((i) => closed[i] - gray[i])
  const middle = median(hat)
  // noise that neighbouring pixels share, as after resizing, is not in their differences but in the top-hat itself
  const scatter = 1.4826 * median(hat.map((value) => Math.abs(value - middle)))
  const contrast = CONTRAST * median(used.map((i) => gray[i]))
  const limit = middle + Math.max(NOISE_FACTOR * Math.max(noiseOf(gray, inner, width, used), scatter), contrast)
  const dark = new Uint8Array(width * height)
  used.forEach((i, k) => (dark[i] = Number(hat[k] > Math.max(limit, 1e-12))))
  return { area: used.length, ...regionsOf(dark, width, height) }
}

/** The noise of the image: second differences along the rows cancel what is linear; 1 / sqrt(6) of their deviation. */
function noiseOf(gray: Float64Array, inner: Uint8Array, width: number, used: readonly number[]): number {
  const differences = used.flatMap((i) =>
    i % width && inner[i - 1] && inner[i + 1] ? [Math.abs(gray[i - 1] - 2 * gray[i] + gray[i + 1])] : [],
  )
  return differences.length ? (1.4826 * median(differences)) / Math.sqrt(6) : Infinity
}

const median = (values: readonly number[]): number => quantile(Float64Array.from(values).sort(), 0.5)

/** The largest value in a square around each pixel, then the smallest; pixels outside the particle do not count. */
function closing(gray: Float64Array, inside: Uint8Array, width: number, height: number, reach: number): Float64Array {
  const masked = (outside: number, of: Float64Array) => of.map((value, i) => (inside[i] ? value : outside))
  const larger = square(masked(-Infinity, gray), width, height, reach, Math.max)
  return square(masked(Infinity, larger), width, height, reach, Math.min)
}

function square(
  of: Float64Array,
  width: number,
  height: number,
  reach: number,
  pick: (a: number, b: number) => number,
): Float64Array {
  const along = (from: Float64Array, count: number, lines: number, step: number, line: number) => {
    const result = new Float64Array(from.length)
    for (let l = 0; l < lines; l++)
      for (let i = 0; i < count; i++) {
        let found = from[l * line + i * step]
        for (let k = Math.max(0, i - reach), end = Math.min(count - 1, i + reach); k <= end; k++)
          found = pick(found, from[l * line + k * step])
        result[l * line + i * step] = found
      }
    return result
  }
  return along(along(of, width, height, 1, width), height, width, width, 1)
}

function regionsOf(dark: Uint8Array, width: number, height: number): Omit<Interior, 'area'> {
  const { labels, areas } = components(dark, width, height)
  const runs = areas.map((): number[] => [])
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width;) {
      const id = labels[y * width + x]
      const from = x++
      while (x < width && labels[y * width + x] === id) x++
      if (id) runs[id - 1].push(y, from, x)
    }
  const result = { pores: 0, cracks: 0, crackLength: 0 }
  areas.forEach((area, i) => {
    if (area < SMALLEST) return
    const { max } = feretDiameters(cornerHull(Int32Array.from(runs[i])))
    // the mean width of a region of that length: a bent crack is no narrower by it
    if (max >= (CRACK_ASPECT * area) / max) {
      result.cracks += area
      result.crackLength += max
    } else result.pores += area
  })
  return result
}
