/** @file Quantiles, moments and shares of weighted values. */

/** Ascending values and their weights, from 0. */
export interface Weighted {
  values: Float64Array
  weights: Float64Array
}

/** What is told of a distribution. The span is (D90 - D10) / D50. */
export const figures = ['d10', 'd50', 'd90', 'span', 'mean', 'std'] as const
export type Figure = (typeof figures)[number]
export type Figures = Record<Figure, number>

const levels = [0.1, 0.5, 0.9]

/**
 * The figures of a distribution, and the share of the weight below each of the ascending `edges` (at the last edge: up to
 * and with it). A quantile is the smallest value that the given share of the weight does not exceed; where the share is
 * met exactly, the mean of that value and the next. The standard deviation is the distribution's own, with the sum of
 * the weights below.
 * @returns null where the weights sum to 0
 */
export function describe(
  { values, weights }: Weighted,
  edges: readonly number[] = [],
): { figures: Figures; shares: number[] } | null {
  let [total, first] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    total += weights[i]
    first += weights[i] * values[i]
  }
  if (!(total > 0)) return null
  const mean = first / total
  const quantiles = [NaN, NaN, NaN]
  const shares = new Array<number>(edges.length)
  let [sum, second, level, edge] = [0, 0, 0, 0]
  /** The level that is met exactly, until the next value of some weight is seen. */
  let met = -1
  // sums of many weights miss a share by rounding
  const slack = 1e-12 * total
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    while (edge < edges.length - 1 && value >= edges[edge]) shares[edge++] = sum / total
    if (!(weights[i] > 0)) continue
    if (met >= 0) {
      quantiles[met] = (quantiles[met] + value) / 2
      met = -1
    }
    sum += weights[i]
    second += weights[i] * (value - mean) ** 2
    for (; level < levels.length && sum >= levels[level] * total - slack; level++) {
      quantiles[level] = value
      if (sum <= levels[level] * total + slack) met = level
    }
  }
  for (; edge < edges.length; edge++) shares[edge] = 1
  const [d10, d50, d90] = quantiles
  return { figures: { d10, d50, d90, span: (d90 - d10) / d50, mean, std: Math.sqrt(second / total) }, shares }
}

/** How many particles of equal weight would tell as much: (sum w)^2 / sum w^2 (Kish). 0 without weight. */
export function effectiveNumber(weights: Float64Array): number {
  let [sum, squares] = [0, 0]
  for (const weight of weights) {
    sum += weight
    squares += weight * weight
  }
  return squares > 0 ? sum ** 2 / squares : 0
}

/** The q-quantile of ascending numbers, between two of them in proportion. */
export function quantile(ascending: ArrayLike<number>, q: number): number {
  const at = q * (ascending.length - 1)
  const low = Math.floor(at)
  const [a, b] = [ascending[low], ascending[Math.min(low + 1, ascending.length - 1)]]
  return a + (b - a) * (at - low)
}
