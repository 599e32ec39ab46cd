/** @file Times of several runs as three numbers: machines are shared and clocks change, so one time says little. */
import { quantile } from '../src/statistics/quantile'

export interface Spread {
  median: number
  /** The middle half of the runs lies from here to there. */
  low: number
  high: number
  least: number
  runs: number
}

/** @throws where there are no times */
export function spreadOf(times: readonly number[]): Spread {
  if (!times.length) throw new Error('nothing was timed')
  const sorted = [...times].sort((a, b) => a - b)
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share))
  return { median, low, high, least: sorted[0], runs: sorted.length }
}
