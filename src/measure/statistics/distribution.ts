/** @file The size distribution of particles from one or several images, by number and by volume, with bootstrap intervals. */
import { binEdges, type BinScale } from './bins'
import { eachResample, minImagesToResample, type Interval, intervalOf, type ResamplingUnit } from './bootstrap'
import { describe, effectiveNumber, type SizeStatistic, sizeStatistics, type Weighted } from '../../statistics/weighted'

/** How particles are weighted: equally, or by the volume of a sphere of their equivalent circular diameter. */
export const weightings = ['number', 'volume'] as const
export type Weighting = (typeof weightings)[number]

export interface SizedParticle {
  /** The particle's size: a diameter. */
  size: number
  /** Weight by number: the edge correction, or 0 to leave the particle out. */
  number: number
  /** Weight by volume: `number` times the particle's volume. */
  volume: number
  /** Index of its image, from 0. */
  image: number
}

export interface ImageArea {
  /** Area of the image. */
  area: number
  /** Area covered by particles. */
  covered: number
}

export interface Estimate extends Partial<Interval> {
  value: number
}

export interface Curve {
  edges: number[]
  /** Fraction of the weight in each bin. */
  shares: Estimate[]
  /** Fraction of the weight below each edge. */
  below: Estimate[]
}

export interface WeightedDistribution {
  /** Effective sample size, see effectiveNumber. */
  effective: number
  /** D10, D50 … (also the key in summary.json); null if all weights are 0. */
  figures: Record<SizeStatistic, Estimate> | null
  curve: Curve | null
}

export interface Distribution {
  /** The number of particles with a weight above 0. */
  counted: number
  /** What was resampled for the intervals; null if there was too little to resample. */
  resampled: ResamplingUnit | null
  /** Fraction of the images' area that particles cover. */
  coverage: Estimate
  /** The sum of the weights divided by the images' area. */
  density: Estimate
  number: WeightedDistribution
  volume: WeightedDistribution
}

export interface DistributionOptions {
  scale: BinScale
  bins?: number
  /** Bin edges, so that groups can share them. */
  edges?: number[]
  /** Whether to compute curves. */
  curves: boolean
  /** The number of bootstrap samples; 0 for no intervals. */
  resamples: number
  resample: ResamplingUnit | 'auto'
  /** Confidence level of the intervals, such as 0.95. */
  level: number
  seed: number
}

export function distribution(
  particles: readonly SizedParticle[],
  images: readonly ImageArea[],
  options: DistributionOptions,
): Distribution {
  const counted = particles.filter(({ number }) => number > 0).sort((a, b) => a.size - b.size)
  const values = Float64Array.from(counted, ({ size }) => size)
  const by: Record<Weighting, Weighted> = {
    number: { values, weights: Float64Array.from(counted, ({ number }) => number) },
    volume: { values, weights: Float64Array.from(counted, ({ volume }) => volume) },
  }
  const edges = options.curves ? (options.edges ?? binEdges(by.number, options.scale, options.bins)) : []
  const unit = unitOf(options.resample, images.length, counted.length)
  const drawn = unit && options.resamples ? redraw(unit, counted, images, by, edges, options) : null
  const whole = ratios(images, by.number.weights)
  const estimate = (value: number, of: number[] | undefined): Estimate => ({
    value,
    ...(of && intervalOf(of, options.level)),
  })
  return {
    counted: counted.length,
    resampled: drawn && unit,
    // resampling particles within images says nothing about the variation of coverage and density
    coverage: estimate(whole.coverage, unit === 'images' ? drawn?.coverage : undefined),
    density: estimate(whole.density, unit === 'images' ? drawn?.density : undefined),
    ...(Object.fromEntries(
      weightings.map((name) => [name, weighted(by[name], edges, drawn?.[name], estimate)]),
    ) as Record<Weighting, WeightedDistribution>),
  }
}

function unitOf(asked: ResamplingUnit | 'auto', images: number, particles: number): ResamplingUnit | null {
  const unit = asked === 'auto' ? (images >= minImagesToResample ? 'images' : 'particles') : asked
  return (unit === 'images' ? images : particles) >= 2 ? unit : null
}

function weighted(
  of: Weighted,
  edges: number[],
  drawn: Resampled | undefined,
  estimate: (value: number, of: number[] | undefined) => Estimate,
): WeightedDistribution {
  const whole = describe(of, edges)
  const effective = effectiveNumber(of.weights)
  if (!whole) return { effective, figures: null, curve: null }
  const bins = edges.slice(1).map((_, i) => i)
  return {
    effective,
    figures: Object.fromEntries(
      sizeStatistics.map((name) => [name, estimate(whole.figures[name], drawn?.figures[name])]),
    ) as Record<SizeStatistic, Estimate>,
    curve: !edges.length
      ? null
      : {
          edges,
          shares: bins.map((i) =>
            estimate(
              whole.shares[i + 1] - whole.shares[i],
              drawn?.shares.map((shares) => shares[i + 1] - shares[i]),
            ),
          ),
          below: edges.map((_, i) =>
            estimate(
              whole.shares[i],
              drawn?.shares.map((shares) => shares[i]),
            ),
          ),
        },
  }
}

/** Results of each bootstrap sample. */
interface Resampled {
  figures: Record<SizeStatistic, number[]>
  shares: number[][]
}

function redraw(
  unit: ResamplingUnit,
  counted: readonly SizedParticle[],
  images: readonly ImageArea[],
  by: Record<Weighting, Weighted>,
  edges: number[],
  { resamples, seed }: DistributionOptions,
): Record<Weighting, Resampled> & { coverage: number[]; density: number[] } {
  const empty = (): Resampled => ({
    figures: Object.fromEntries(sizeStatistics.map((name) => [name, [] as number[]])) as Resampled['figures'],
    shares: [],
  })
  const drawn = { number: empty(), volume: empty(), coverage: [] as number[], density: [] as number[] }
  const imageOf = Uint32Array.from(counted, ({ image }) => image)
  const weights = new Float64Array(counted.length)
  eachResample(unit, imageOf, images.length, { times: resamples, seed }, (ofImage, ofParticle) => {
    for (const name of weightings) {
      const own = by[name].weights
      for (let i = 0; i < weights.length; i++) weights[i] = own[i] * ofParticle[i]
      const one = describe({ values: by[name].values, weights }, edges)
      // a sample of images without particles has no sizes
      if (one) {
        for (const figure of sizeStatistics) drawn[name].figures[figure].push(one.figures[figure])
        drawn[name].shares.push(one.shares)
      }
      if (name !== 'number') continue
      const { coverage, density } = ratios(images, weights, ofImage)
      drawn.coverage.push(coverage)
      drawn.density.push(density)
    }
  })
  return drawn
}

function ratios(
  images: readonly ImageArea[],
  weights: Float64Array,
  times?: Uint32Array,
): { coverage: number; density: number } {
  let [area, covered] = [0, 0]
  images.forEach((image, i) => {
    area += image.area * (times?.[i] ?? 1)
    covered += image.covered * (times?.[i] ?? 1)
  })
  return { coverage: covered / area, density: weights.reduce((a, b) => a + b, 0) / area }
}
