/** @file The log-normal distribution with the same mean and standard deviation of the logarithm (ISO 9276-5), and how well it fits. */
import { normalProbability } from '../../statistics/normal'
import type { Weighted } from '../../statistics/weighted'

export interface LogNormalFit {
  /** Geometric mean: the median of the fitted distribution by number. */
  geometricMean: number
  /** Geometric standard deviation (GSD), a factor of at least 1. */
  gsd: number
  /** Largest difference of the measured and the fitted cumulative fraction, 0 to 1 (Kolmogorov's distance). */
  largestDifference: number
  /** Anderson and Darling's A², corrected for the two fitted parameters; computed with equal weights. */
  andersonDarling: number
  /**
   * Probability of a fit that is as bad as this one or worse, if sizes are log-normal (D'Agostino and Stephens 1986). With
   * thousands of particles every real distribution deviates significantly: look at the largest difference too.
   */
  pValue: number
}

/** The smallest number of particles for a fit. */
const FEWEST = 8

/** Fits sizes above 0, ascending, by maximum likelihood. @returns null for too few particles or equal sizes */
export function fitLogNormal({ values, weights }: Weighted): LogNormalFit | null {
  const used = [...values.keys()].filter((i) => weights[i] > 0 && values[i] > 0)
  if (used.length < FEWEST) return null
  const logs = used.map((i) => Math.log(values[i]))
  const total = used.reduce((sum, i) => sum + weights[i], 0)
  const mean = used.reduce((sum, i, k) => sum + weights[i] * logs[k], 0) / total
  const variance = used.reduce((sum, i, k) => sum + weights[i] * (logs[k] - mean) ** 2, 0) / total
  const deviation = Math.sqrt(variance)
  if (!(deviation > 1e-9)) return null
  let [below, largestDifference] = [0, 0]
  for (const [k, i] of used.entries()) {
    const fitted = normalProbability((logs[k] - mean) / deviation)
    const after = below + weights[i] / total
    largestDifference = Math.max(largestDifference, Math.abs(fitted - below), Math.abs(fitted - after))
    below = after
  }
  const andersonDarling = andersonDarlingOf(logs)
  return {
    geometricMean: Math.exp(mean),
    gsd: Math.exp(deviation),
    largestDifference,
    andersonDarling,
    pValue: pValueOf(andersonDarling),
  }
}

/** A² of normality with estimated mean and variance, times Stephens' factor for the number of values. */
function andersonDarlingOf(ascending: readonly number[]): number {
  const n = ascending.length
  const mean = ascending.reduce((a, b) => a + b, 0) / n
  const deviation = Math.sqrt(ascending.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  const z = ascending.map((value) => (value - mean) / deviation)
  const log = (probability: number) => Math.log(Math.max(probability, 1e-300))
  const sum = z.reduce(
    (sum, value, i) => sum + (2 * i + 1) * (log(normalProbability(value)) + log(normalProbability(-z[n - 1 - i]))),
    0,
  )
  return (-n - sum / n) * (1 + 0.75 / n + 2.25 / n ** 2)
}

/** D'Agostino and Stephens, Goodness-of-Fit Techniques (1986), table 4.9: the normal distribution, both parameters unknown. */
function pValueOf(a: number): number {
  if (a >= 0.6) return Math.min(1, Math.exp(1.2937 - 5.709 * a + 0.0186 * a * a))
  if (a >= 0.34) return Math.exp(0.9177 - 4.279 * a - 1.38 * a * a)
  if (a >= 0.2) return 1 - Math.exp(-8.318 + 42.796 * a - 59.938 * a * a)
  return 1 - Math.exp(-13.436 + 101.14 * a - 223.73 * a * a)
}
