/**
 * @file Whether a size distribution has several modes, and whether its median is stable: a median between two modes jumps from
 * one to the other when a few particles more or less are found.
 *
 * The density of the logarithm of the size is estimated with a Gaussian kernel (bandwidth by Silverman's rule for the effective
 * number of particles). A dip between two peaks counts if it lies below the lower one by more than three standard errors of the
 * estimate, sqrt(f R(K) / (n h)) for either; smaller dips are noise and are filled, the least significant first.
 */
import { quantile } from '../../statistics/quantile'
import { effectiveNumber, type Weighted, describe } from '../../statistics/weighted'

export interface Mode {
  /** The size at the peak of the density. */
  size: number
  /** Fraction of the weight between the dips on both sides. */
  share: number
}

export interface Modality {
  /** The significant modes, ascending; one for a distribution without a significant dip. */
  modes: Mode[]
  /** The sizes at the dips between them. */
  dips: number[]
  /** The sizes below which 45 and 55 % of the weight lie: where D50 would be if 5 % were moved to the other side of it. */
  d45: number
  d55: number
  /**
   * Whether D50 lies in a dip: the density there is below half of the lower of the peaks on both sides, or a dip lies between
   * d45 and d55.
   */
  unstable: boolean
}

/** Distributions of fewer particles show modes by chance. */
const FEWEST = 30
const POINTS = 512
const STANDARD_ERRORS = 3
/** The integral of the squared Gaussian kernel. */
const ROUGHNESS = 1 / (2 * Math.sqrt(Math.PI))

/** @param of ascending sizes above 0 with their weights @returns null for too few particles, or equal sizes */
export function modality({ values, weights }: Weighted): Modality | null {
  const used = [...values.keys()].filter((i) => weights[i] > 0 && values[i] > 0)
  const effective = effectiveNumber(weights)
  if (used.length < FEWEST || effective < FEWEST) return null
  const logs = Float64Array.from(used, (i) => Math.log(values[i]))
  const own = Float64Array.from(used, (i) => weights[i])
  const density = densityOf({ values: logs, weights: own }, effective)
  if (!density) return null
  const { peaks, dips } = significant(density)
  const total = own.reduce((a, b) => a + b, 0)
  const [d45, d50, d55] = describe({ values: logs, weights: own }, [], [0.45, 0.5, 0.55])!.quantiles
  const bounds = [-Infinity, ...dips.map((at) => density.at[at]), Infinity]
  const modes = peaks.map((peak, k) => ({
    size: Math.exp(density.at[peak]),
    share: own.reduce((sum, w, i) => (logs[i] >= bounds[k] && logs[i] < bounds[k + 1] ? sum + w : sum), 0) / total,
  }))
  const right = peaks.findIndex((peak) => density.at[peak] >= d50)
  const lower = right > 0 ? Math.min(density.f[peaks[right - 1]], density.f[peaks[right]]) : 0
  return {
    modes,
    dips: dips.map((at) => Math.exp(density.at[at])),
    d45: Math.exp(d45),
    d55: Math.exp(d55),
    unstable: valueAt(density, d50) < lower / 2 || dips.some((at) => density.at[at] > d45 && density.at[at] < d55),
  }
}

interface Density {
  at: Float64Array
  f: Float64Array
  /** The variance of the estimate divided by the density. */
  noise: number
}

function densityOf({ values, weights }: Weighted, effective: number): Density | null {
  const total = weights.reduce((a, b) => a + b, 0)
  const found = describe({ values, weights }, [], [0.25, 0.75])!
  const [first, third] = found.quantiles
  const spread = Math.min(found.figures.std, (third - first) / 1.34) || found.figures.std
  if (!(spread > 1e-9)) return null
  const h = 0.9 * spread * effective ** -0.2
  const [from, to] = [values[0] - 3 * h, values[values.length - 1] + 3 * h]
  // a grid finer than the kernel, whatever the range
  const points = Math.min(8 * POINTS, Math.max(POINTS, Math.ceil((8 * (to - from)) / h)))
  const step = (to - from) / (points - 1)
  const at = Float64Array.from({ length: points }, (_, i) => from + i * step)
  const f = new Float64Array(points)
  for (let i = 0; i < values.length; i++) {
    const centre = (values[i] - from) / step
    const reach = (5 * h) / step
    const [low, high] = [Math.max(0, Math.ceil(centre - reach)), Math.min(points - 1, Math.floor(centre + reach))]
    const scaled = weights[i] / (total * h * Math.sqrt(2 * Math.PI))
    for (let k = low; k <= high; k++) f[k] += scaled * Math.exp(-0.5 * (((k - centre) * step) / h) ** 2)
  }
  return { at, f, noise: ROUGHNESS / (effective * h) }
}

/** Peaks and the dips between them as indices, after the dips that may be noise have been filled. */
function significant({ f, noise }: Density): { peaks: number[]; dips: number[] } {
  const peaks: number[] = []
  for (let i = 0; i < f.length; i++)
    if (f[i] > 0 && (i === 0 || f[i] > f[i - 1]) && (i === f.length - 1 || f[i] >= f[i + 1])) peaks.push(i)
  const dips = peaks.slice(1).map((peak, k) => lowest(f, peaks[k], peak))
  for (;;) {
    const depths = dips.map((dip, k) => {
      const lower = Math.min(f[peaks[k]], f[peaks[k + 1]])
      return (lower - f[dip]) / Math.sqrt(noise * (lower + f[dip]))
    })
    const least = depths.indexOf(Math.min(...depths))
    if (least < 0 || depths[least] > STANDARD_ERRORS) return { peaks, dips }
    dips.splice(least, 1)
    peaks.splice(f[peaks[least]] < f[peaks[least + 1]] ? least : least + 1, 1)
  }
}

function lowest(f: Float64Array, from: number, to: number): number {
  let best = from
  for (let i = from; i <= to; i++) if (f[i] < f[best]) best = i
  return best
}

const valueAt = ({ at, f }: Density, x: number): number =>
  f[Math.min(f.length - 1, Math.max(0, Math.round((x - at[0]) / (at[1] - at[0]))))]

/** How the medians of the images differ. */
export interface ImageMedians {
  images: number
  median: number
  low: number
  high: number
}

/** @param medians of the images that have particles; null for fewer than two */
export function imageMedians(medians: readonly number[]): ImageMedians | null {
  const sorted = Float64Array.from(medians).sort()
  if (sorted.length < 2) return null
  return { images: sorted.length, median: quantile(sorted, 0.5), low: sorted[0], high: sorted[sorted.length - 1] }
}
