/**
 * @file How many particles a wanted relative error takes (ISO 13322-1, annex A asks for it): for a log-normal distribution by
 * formulas, and by the confidence interval that was found.
 *
 * The formulas hold for the estimators that `wgsam measure` uses, sample moments and sample percentiles of independent
 * particles, by the delta method. With s = ln GSD, moments of a log-normal distribution satisfy M(a) M(b) / M(a + b) =
 * exp(-a b s²), and weighting by D^b shifts the mean of ln D by b s².
 */
import { normalDensity, normalProbability, normalQuantile } from '../../statistics/normal'
import { type MeanDiameter, meanDiameters } from './mean-diameters'

/** A statistic whose sampling error can be computed. */
export type SampledStatistic =
  | { mean: MeanDiameter }
  /** A percentile: the fraction below, 0 to 1, weighted by number or by volume. */
  | { percentile: number; weighting: 'number' | 'volume' }

/** n times the squared relative standard error of a statistic of n particles from a log-normal distribution. */
export function relativeVariance(statistic: SampledStatistic, gsd: number): number {
  const s = Math.log(gsd)
  if ('mean' in statistic) {
    const { p, q } = meanDiameters[statistic.mean]
    const joint = (a: number, b: number) => Math.exp(a * b * s * s)
    return (joint(p, p) + joint(q, q) - 2 * joint(p, q)) / (p - q) ** 2
  }
  const { percentile, weighting } = statistic
  const power = weighting === 'volume' ? 3 : 0
  const z = normalQuantile(percentile)
  // the squared weights are D^(2 power): the share of their sum below the percentile
  const below = normalProbability(z - power * s)
  const spread = (1 - percentile) ** 2 * below + percentile ** 2 * (1 - below)
  return Math.exp((power * s) ** 2) * spread * (s / normalDensity(z)) ** 2
}

/** The number of particles for a relative error of `error` (0.05 for 5 %) with the probability `level`. */
export const particlesNeeded = (
  statistic: SampledStatistic,
  { gsd, error, level }: { gsd: number; error: number; level: number },
): number => Math.ceil(relativeVariance(statistic, gsd) * (normalQuantile((1 + level) / 2) / error) ** 2)

/**
 * The formula of ISO 13322-1 (Masuda and Iinoya, 1971) for the mean of D^power, estimated through the fitted log-normal
 * distribution rather than from the sample's moments: 6,092 particles for the mean volume within 5 % at a GSD of 1.6, the
 * standard's "over 6,000".
 */
export function isoParticlesNeeded(
  power: number,
  { gsd, error, level }: { gsd: number; error: number; level: number },
): number {
  const variance = Math.log(gsd) ** 2
  const omega = power ** 2 * variance * (1 + (power ** 2 / 2) * variance)
  return Math.ceil(omega * (normalQuantile((1 + level) / 2) / error) ** 2)
}

/** Intervals of fewer particles do not follow the square root of their number. */
const FEWEST = 30

/** The number needed by the interval that `have` particles gave: its half width falls with the square root of the number. */
export function neededByInterval(
  { value, low, high }: { value: number; low?: number; high?: number },
  have: number,
  error: number,
): number | null {
  if (low === undefined || high === undefined || !(value > 0)) return null
  const half = Math.max(high - value, value - low) / value
  return Math.max(FEWEST, Math.ceil(have * (half / error) ** 2))
}
