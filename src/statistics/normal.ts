/** @file The standard normal distribution: density, cumulative probability and quantile. */

export const normalDensity = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)

/**
 * The probability of a value below z, with a relative error below 1e-13 in the lower tail. Near 0 the series of Marsaglia
 * (2004), in the tails a continued fraction.
 */
export function normalProbability(z: number): number {
  if (Number.isNaN(z)) return NaN
  if (z > 0) return 1 - normalProbability(-z)
  if (z < -38) return 0
  if (z < -3) {
    let fraction = -z
    for (let k = 60; k > 0; k--) fraction = -z + k / fraction
    return normalDensity(z) / fraction
  }
  let [term, sum, odd] = [z, z, 1]
  while (Math.abs(term) > 1e-17 * Math.abs(sum)) {
    odd += 2
    term *= (z * z) / odd
    sum += term
  }
  return 0.5 + normalDensity(z) * sum
}

/** The value below which a standard normal value is with `probability`, 0 to 1: by bisection, to 1e-12. */
export function normalQuantile(probability: number): number {
  if (!(probability >= 0 && probability <= 1)) return NaN
  if (probability === 0 || probability === 1) return probability ? Infinity : -Infinity
  let [low, high] = [-39, 39]
  while (high - low > 1e-12) {
    const middle = (low + high) / 2
    if (middle <= low || middle >= high) break
    if (normalProbability(middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}
