/**
 * @file The uncertainty of the median size from all its sources together, by Monte Carlo (as in the GUM's supplement 1), and
 * the share of each source.
 *
 * A draw resamples the images or particles, scales all sizes by one factor for the pixel size and one for the model, and
 * moves all outlines by the same distance. Systematic errors are common to all particles, so that more particles do not
 * reduce them. Each source is also drawn alone: its share is its variance divided by the sum of the variances.
 */
import { Rng } from '../../../engine/rng'
import { describe } from '../../statistics/weighted'
import { eachResample, type Interval, intervalOf, type ResamplingUnit } from './bootstrap'

/** Standard deviations of what may be wrong with all sizes. */
export interface SystematicErrors {
  /** Of the pixel size, as a fraction: 0.01 is 1 %. */
  pixelSize: number
  /** Of the position of the outline, in pixels; a diameter changes by twice that. */
  border: number
  /** Of the model's sizes, as a fraction, such as the error of D50 on labelled images. */
  model: number
}

const uncertaintySources = ['sampling', 'pixel size', 'border', 'model'] as const
export type UncertaintySource = (typeof uncertaintySources)[number]

export interface MedianUncertainty {
  weighting: 'number' | 'volume'
  value: number
  /** With all sources. */
  total: Interval | null
  sources: { source: UncertaintySource; standardDeviation: number; share: number }[]
}

/** A particle that counts. */
export interface UncertainParticle {
  /** Its size in the unit of the run. */
  size: number
  /** Diameter whose third power is its volume, in the unit of the run. */
  diameter: number
  /** Weight by number, above 0. */
  number: number
  /** Unit of the run per pixel. */
  scale: number
  /** Index of its image, from 0. */
  image: number
}

export interface UncertaintyOptions extends SystematicErrors {
  /** What is resampled; null for too little of it: then sampling has no share. */
  unit: ResamplingUnit | null
  images: number
  draws: number
  level: number
  seed: number
}

/** The medians by number and by volume; empty without particles or draws. */
export function medianUncertainty(
  particles: readonly UncertainParticle[],
  options: UncertaintyOptions,
): MedianUncertainty[] {
  if (!particles.length || !options.draws) return []
  const columns = columnsOf(particles)
  const whole = medians(columns, null, 0)
  const drawn = new Map<UncertaintySource | 'all', { number: number[]; volume: number[] }>()
  for (const source of [...uncertaintySources, 'all'] as const) drawn.set(source, draws(columns, source, options))
  return (['number', 'volume'] as const).map((weighting) => {
    const variances = uncertaintySources.map((source) => varianceOf(drawn.get(source)![weighting]))
    const sum = variances.reduce((a, b) => a + b, 0)
    return {
      weighting,
      value: whole[weighting],
      total: intervalOf(drawn.get('all')![weighting], options.level),
      sources: uncertaintySources.map((source, i) => ({
        source,
        standardDeviation: Math.sqrt(variances[i]),
        share: sum > 0 ? variances[i] / sum : 0,
      })),
    }
  })
}

function draws(
  of: Columns,
  source: UncertaintySource | 'all',
  { unit, images, draws: times, seed, ...errors }: UncertaintyOptions,
): { number: number[]; volume: number[] } {
  const result = { number: [] as number[], volume: [] as number[] }
  const on = (of: UncertaintySource) => source === of || source === 'all'
  const rng = new Rng(seed + 1)
  const unchanged = medians(of, null, 0)
  const take = (counts: Uint32Array | null) => {
    // the same random numbers for a source alone and among all
    const [pixel, border, model] = [rng.normal(), rng.normal(), rng.normal()]
    const factor =
      (1 + (on('pixel size') ? errors.pixelSize * pixel : 0)) * (1 + (on('model') ? errors.model * model : 0))
    const shift = on('border') ? 2 * errors.border * border : 0
    // a common factor changes medians by this factor: most draws need no sums
    const found = counts || shift ? medians(of, counts, shift) : unchanged
    result.number.push(Math.max(factor, 0) * found.number)
    result.volume.push(Math.max(factor, 0) * found.volume)
  }
  if (on('sampling') && unit) eachResample(unit, of.image, images, { times, seed }, (_, counts) => take(counts))
  else for (let time = 0; time < times; time++) take(null)
  return result
}

/** Particles in the order of their sizes. */
interface Columns {
  size: Float64Array
  diameter: Float64Array
  number: Float64Array
  scale: Float64Array
  image: Uint32Array
  /** Whether all images have the same pixel size, so that a shift keeps the order. */
  uniform: boolean
}

function columnsOf(particles: readonly UncertainParticle[]): Columns {
  const ascending = [...particles].sort((a, b) => a.size - b.size)
  const scale = Float64Array.from(ascending, ({ scale }) => scale)
  return {
    size: Float64Array.from(ascending, ({ size }) => size),
    diameter: Float64Array.from(ascending, ({ diameter }) => diameter),
    number: Float64Array.from(ascending, ({ number }) => number),
    image: Uint32Array.from(ascending, ({ image }) => image),
    ...{ scale, uniform: scale.every((one) => one === scale[0]) },
  }
}

/** The medians after a shift of all sizes by that number of pixels; NaN if no particle was drawn. */
function medians(
  { size, diameter, number, scale, uniform }: Columns,
  counts: Uint32Array | null,
  shift: number,
): { number: number; volume: number } {
  const values = size.map((one, i) => Math.max(0, one + shift * scale[i]))
  const weights = counts ? number.map((one, i) => one * counts[i]) : number
  const volumes = weights.map((weight, i) => weight * Math.max(0, diameter[i] + shift * scale[i]) ** 3)
  const order = shift && !uniform ? [...values.keys()].sort((a, b) => values[a] - values[b]) : null
  const ordered = (list: Float64Array) => (order ? Float64Array.from(order, (i) => list[i]) : list)
  const median = (of: Float64Array) => describe({ values: ordered(values), weights: ordered(of) })?.figures.d50 ?? NaN
  return { number: median(weights), volume: median(volumes) }
}

function varianceOf(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite)
  const mean = finite.reduce((a, b) => a + b, 0) / finite.length
  const variance = finite.length ? finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length : 0
  // equal values leave rounding errors
  return variance > (1e-9 * mean) ** 2 ? variance : 0
}
