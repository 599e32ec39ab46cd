/** @file Quantiles, moments and cumulative fractions of weighted values. */

/** Ascending values and their weights, 0 or more. */
export interface Weighted {
  values: Float64Array
  weights: Float64Array
}

/** Statistics of a size distribution. The span is (D90 - D10) / D50. */
export const sizeStatistics = ['d10', 'd50', 'd90', 'span', 'mean', 'std'] as const
export type SizeStatistic = (typeof sizeStatistics)[number]
export type SizeStatistics = Record<SizeStatistic, number>

const usual = [0.1, 0.5, 0.9]

/**
 * The statistics of a distribution, and the fraction of the weight below each of the ascending `edges` (at the last edge:
 * including it). A quantile is the smallest value at which the cumulative weight reaches the given fraction; if it equals
 * the fraction exactly, the mean of that value and the next. The standard deviation is the distribution's own: the sum of
 * weights is the denominator, without a correction for the sample size.
 * @param fractions of further quantiles, 0 to 1 exclusive; `quantiles` has them in this order
 * @returns null if the weights sum to 0
 */
export function describe(
  { values, weights }: Weighted,
  edges: readonly number[] = [],
  fractions: readonly number[] = [],
): { figures: SizeStatistics; shares: number[]; quantiles: number[] } | null {
  const levels = fractions.length ? [...new Set([...usual, ...fractions])].sort((a, b) => a - b) : usual
  const count = values.length
  // moments about a central value lose less precision
  const about = values[count >> 1]
  let [total, first, second] = [0, 0, 0]
  for (let i = 0; i < count; i++) {
    const [weight, value] = [weights[i], values[i] - about]
    total += weight
    first += weight * value
    second += weight * value * value
  }
  if (!(total > 0)) return null
  const mean = first / total
  const quantiles = levels.map(() => NaN)
  const shares = new Array<number>(edges.length)
  // tolerance for rounding errors in the sum of many weights
  const slack = 1e-12 * total
  let [sum, level, edge] = [0, 0, 0]
  let wanted = levels[0] * total - slack
  let nextEdge = edges.length > 1 ? edges[0] : Infinity
  /** Index of a quantile whose fraction was equalled exactly, until the next value of positive weight; -1 for none. */
  let met = -1
  for (let i = 0; i < count; i++) {
    const value = values[i]
    while (value >= nextEdge) {
      shares[edge++] = sum / total
      nextEdge = edge < edges.length - 1 ? edges[edge] : Infinity
    }
    const weight = weights[i]
    if (!(weight > 0)) continue
    if (met >= 0) {
      quantiles[met] = (quantiles[met] + value) / 2
      met = -1
    }
    sum += weight
    while (sum >= wanted) {
      quantiles[level] = value
      if (sum <= wanted + 2 * slack) met = level
      level++
      wanted = level < levels.length ? levels[level] * total - slack : Infinity
    }
  }
  for (; edge < edges.length; edge++) shares[edge] = 1
  const at = (fraction: number) => quantiles[levels.indexOf(fraction)]
  const [d10, d50, d90] = usual.map(at)
  const std = Math.sqrt(Math.max(0, second / total - mean * mean))
  return {
    figures: { d10, d50, d90, span: (d90 - d10) / d50, mean: about + mean, std },
    shares,
    quantiles: fractions.map(at),
  }
}

/** Kish's effective sample size, (sum w)^2 / sum w^2; 0 if all weights are 0. */
export function effectiveNumber(weights: Float64Array): number {
  let [sum, squares] = [0, 0]
  for (const weight of weights) {
    sum += weight
    squares += weight * weight
  }
  return squares > 0 ? sum ** 2 / squares : 0
}
