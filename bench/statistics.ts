/** @file Summarises the times of several runs: a single time says little, because machines are shared and clock rates change. */
import { quantile } from '../src/statistics/quantile'

export interface Spread {
  median: number
  /** The first and third quartiles. */
  low: number
  high: number
  /** The minimum. */
  least: number
  runs: number
}

/** @throws Error if there are no times */
export function spreadOf(times: readonly number[]): Spread {
  if (!times.length) throw new Error('nothing was timed')
  const sorted = [...times].sort((a, b) => a - b)
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share))
  return { median, low, high, least: sorted[0], runs: sorted.length }
}
