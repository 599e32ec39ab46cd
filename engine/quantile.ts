/** @file Quantiles of a sample. */

/** The q-quantile of ascending numbers, interpolated linearly between neighbours; at least one number is required. */
export function quantile(ascending: ArrayLike<number>, q: number): number {
  const position = q * (ascending.length - 1)
  const lower = Math.floor(position)
  const [a, b] = [ascending[lower], ascending[Math.min(lower + 1, ascending.length - 1)]]
  return a + (b - a) * (position - lower)
}
