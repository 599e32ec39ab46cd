/** @file Exact confidence intervals of percentiles, from the binomial distribution. */

/**
 * Ranks of an exact, distribution-free interval of a percentile: of n independent values in ascending order, the
 * `fraction` quantile lies between the values of ranks `low` and `high` (from 1) with at least the probability `level`.
 * Either probability of missing it is at most (1 - level) / 2. Rank 0 or n + 1 means that n values do not bound it on that
 * side.
 */
export function percentileRanks(n: number, fraction: number, level: number): { low: number; high: number } {
  const tail = (1 - level) / 2
  // low: the largest rank l with P(fewer than l of n values are below the quantile) <= tail
  // high: the smallest rank u with P(at least u values are below it) <= tail
  const logs = { below: Math.log(fraction), above: Math.log1p(-fraction) }
  const spread = 12 * Math.sqrt(n * fraction * (1 - fraction)) + 40
  const from = Math.max(0, Math.floor(n * fraction - spread))
  const to = Math.min(n, Math.ceil(n * fraction + spread))
  let [sum, low, high] = [0, from, n + 1]
  for (let k = from; k <= to; k++) {
    // sum is P(fewer than k values are below the quantile)
    if (sum <= tail) low = k
    if (1 - sum <= tail) {
      high = k
      break
    }
    sum += Math.exp(logFactorial(n) - logFactorial(k) - logFactorial(n - k) + k * logs.below + (n - k) * logs.above)
  }
  return { low, high }
}

const logFactorials = [0]

function logFactorial(n: number): number {
  // Stirling's series: its next term is below 1e-16 from 200 on
  if (n >= 200) {
    const x = n + 1
    return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3)
  }
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1] + Math.log(i))
  return logFactorials[n]
}
