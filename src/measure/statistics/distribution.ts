/** @file The size distribution of particles from one or several images, by number and by volume, with bootstrap intervals. */
import { binEdges, type BinScale } from './bins'
import { eachResample, minImagesToResample, type Interval, intervalOf, type ResamplingUnit } from './bootstrap'
import { percentileRanks } from '../../statistics/binomial'
import { describe, effectiveNumber, type SizeStatistic, sizeStatistics, type Weighted } from '../../statistics/weighted'
import { fitLogNormal, type LogNormalFit } from './log-normal'
import { type MeanDiameter, meanDiameterNames, meanDiametersOf } from './mean-diameters'

/** How particles are weighted: equally, or by the area of a disc or the volume of a sphere of their equivalent circular diameter. */
export const weightings = ['number', 'area', 'volume'] as const
export type Weighting = (typeof weightings)[number]

export interface SizedParticle {
  /** The particle's size: a diameter. */
  size: number
  /** Weight by number: the edge correction, or 0 to leave the particle out. */
  number: number
  /** Weight by area: `number` times the particle's projected area. */
  area: number
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

/** A percentile: the size below which `fraction` of the weight lies. */
export interface Percentile extends Estimate {
  fraction: number
  /**
   * The exact, distribution-free interval from the binomial distribution, of particles that were drawn independently; a side
   * that so few particles do not bound is null. Only by number: unequal weights have no exact interval. With the weights of
   * the edge correction it is computed for the effective number of particles.
   */
  exact?: { low: number | null; high: number | null }
}

export interface WeightedDistribution {
  /** The percentiles that were asked for, in ascending order; empty if all weights are 0. */
  percentiles: Percentile[]
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
  /** Mean diameters D[p,q] of ISO 9276-2; null if all weights are 0. */
  means: Record<MeanDiameter, Estimate> | null
  /** Surface divided by volume of spheres of these sizes, 6 / D[3,2]; null if all weights are 0. */
  specificSurface: Estimate | null
  logNormal: LogNormalFit | null
  number: WeightedDistribution
  area: WeightedDistribution
  volume: WeightedDistribution
}

export interface DistributionOptions {
  scale: BinScale
  bins?: number
  /** Bin edges, so that groups can share them. */
  edges?: number[]
  /** Fractions of the percentiles, ascending, each above 0 and below 1. */
  percentiles: readonly number[]
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
    area: { values, weights: Float64Array.from(counted, ({ area }) => area) },
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
  const means = meanDiametersOf(by.number)
  const number = weighted(by.number, edges, options.percentiles, drawn?.number, estimate)
  return {
    counted: counted.length,
    resampled: drawn && unit,
    // resampling particles within images says nothing about the variation of coverage and density
    coverage: estimate(whole.coverage, unit === 'images' ? drawn?.coverage : undefined),
    density: estimate(whole.density, unit === 'images' ? drawn?.density : undefined),
    means:
      means &&
      (Object.fromEntries(meanDiameterNames.map((name) => [name, estimate(means[name], drawn?.means[name])])) as Record<
        MeanDiameter,
        Estimate
      >),
    specificSurface:
      means &&
      estimate(
        6 / means['d[3,2]'],
        drawn?.means['d[3,2]'].map((sauter) => 6 / sauter),
      ),
    logNormal: fitLogNormal(by.number),
    number: {
      ...number,
      percentiles: number.percentiles.map((one) => ({ ...one, exact: exactInterval(by.number, one, options.level) })),
    },
    area: weighted(by.area, edges, options.percentiles, drawn?.area, estimate),
    volume: weighted(by.volume, edges, options.percentiles, drawn?.volume, estimate),
  }
}

/** The values of the ranks that bound the percentile, or of the corresponding fractions of the weight. */
function exactInterval({ values, weights }: Weighted, { fraction }: Percentile, level: number): Percentile['exact'] {
  const n = Math.floor(effectiveNumber(weights) + 1e-9)
  const ranks = percentileRanks(n, fraction, level)
  const total = weights.reduce((a, b) => a + b, 0)
  /** The value of a rank: the first at which the cumulative weight reaches its fraction. */
  const valueOf = (rank: number) => {
    if (rank < 1 || rank > n) return null
    let sum = 0
    const index = weights.findIndex((weight) => (sum += weight) >= ((rank - 1e-6) / n) * total)
    return values[index < 0 ? values.length - 1 : index]
  }
  return { low: valueOf(ranks.low), high: valueOf(ranks.high) }
}

function unitOf(asked: ResamplingUnit | 'auto', images: number, particles: number): ResamplingUnit | null {
  const unit = asked === 'auto' ? (images >= minImagesToResample ? 'images' : 'particles') : asked
  return (unit === 'images' ? images : particles) >= 2 ? unit : null
}

function weighted(
  of: Weighted,
  edges: number[],
  fractions: readonly number[],
  drawn: Resampled | undefined,
  estimate: (value: number, of: number[] | undefined) => Estimate,
): WeightedDistribution {
  const whole = describe(of, edges, fractions)
  const effective = effectiveNumber(of.weights)
  if (!whole) return { effective, figures: null, percentiles: [], curve: null }
  const bins = edges.slice(1).map((_, i) => i)
  return {
    effective,
    figures: Object.fromEntries(
      sizeStatistics.map((name) => [name, estimate(whole.figures[name], drawn?.figures[name])]),
    ) as Record<SizeStatistic, Estimate>,
    percentiles: fractions.map((fraction, i) => ({
      fraction,
      ...estimate(whole.quantiles[i], drawn?.quantiles[i]),
    })),
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
  /** For each percentile, its values. */
  quantiles: number[][]
  shares: number[][]
}

function redraw(
  unit: ResamplingUnit,
  counted: readonly SizedParticle[],
  images: readonly ImageArea[],
  by: Record<Weighting, Weighted>,
  edges: number[],
  { resamples, seed, percentiles }: DistributionOptions,
): Record<Weighting, Resampled> & {
  coverage: number[]
  density: number[]
  means: Record<MeanDiameter, number[]>
} {
  const empty = (): Resampled => ({
    figures: Object.fromEntries(sizeStatistics.map((name) => [name, [] as number[]])) as Resampled['figures'],
    quantiles: percentiles.map(() => []),
    shares: [],
  })
  const drawn = {
    ...{ number: empty(), area: empty(), volume: empty() },
    ...{ coverage: [] as number[], density: [] as number[] },
    means: Object.fromEntries(meanDiameterNames.map((name) => [name, [] as number[]])) as Record<
      MeanDiameter,
      number[]
    >,
  }
  const imageOf = Uint32Array.from(counted, ({ image }) => image)
  const weights = new Float64Array(counted.length)
  eachResample(unit, imageOf, images.length, { times: resamples, seed }, (ofImage, ofParticle) => {
    for (const name of weightings) {
      const own = by[name].weights
      for (let i = 0; i < weights.length; i++) weights[i] = own[i] * ofParticle[i]
      const one = describe({ values: by[name].values, weights }, edges, percentiles)
      // a sample of images without particles has no sizes
      if (one) {
        for (const figure of sizeStatistics) drawn[name].figures[figure].push(one.figures[figure])
        one.quantiles.forEach((quantile, i) => drawn[name].quantiles[i].push(quantile))
        drawn[name].shares.push(one.shares)
      }
      if (name !== 'number') continue
      const means = meanDiametersOf({ values: by.number.values, weights })
      if (means) for (const mean of meanDiameterNames) drawn.means[mean].push(means[mean])
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
