/** @file Times of several runs as three numbers: machines are shared and clocks change, so one time says little. */

export interface Spread {
  median: number
  /** The middle half of the runs lies from here to there. */
  low: number
  high: number
  least: number
  runs: number
}

/** The value below which a share of the sorted values lies, between two of them where it falls there. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const rest = at - below
  return rest ? sorted[below] * (1 - rest) + sorted[below + 1] * rest : sorted[below]
}

/** @throws where there are no times */
export function spreadOf(times: readonly number[]): Spread {
  if (!times.length) throw new Error('nothing was timed')
  const sorted = [...times].sort((a, b) => a - b)
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share))
  return { median, low, high, least: sorted[0], runs: sorted.length }
}
