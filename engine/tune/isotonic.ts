/** @file Isotonic regression: the non-decreasing values that are nearest to given ones, by pooling adjacent violators. */

/**
 * The non-decreasing sequence with the smallest weighted sum of squared differences from `values`.
 * @param weights positive; all 1 by default
 */
export function isotonicFit(values: readonly number[], weights?: readonly number[]): number[] {
  // blocks of equal fitted values, each with its mean, weight and number of members
  const means: number[] = []
  const sums: number[] = []
  const counts: number[] = []
  values.forEach((value, i) => {
    let [mean, weight, count] = [value, weights?.[i] ?? 1, 1]
    // a block above its successor violates the order: both become their common mean
    while (means.length && means[means.length - 1] >= mean) {
      const before = sums.pop()!
      mean = (means.pop()! * before + mean * weight) / (before + weight)
      weight += before
      count += counts.pop()!
    }
    means.push(mean)
    sums.push(weight)
    counts.push(count)
  })
  return means.flatMap((mean, block) => Array<number>(counts[block]).fill(mean))
}
