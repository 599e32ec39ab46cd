/** @file Histogram bins: equally wide, linearly with round edges or logarithmically, and covering every value. */
import { quantile } from '../../statistics/quantile'
import type { Weighted } from '../../statistics/weighted'

export type BinScale = 'linear' | 'log'

const [minBins, maxBins] = [5, 40]

/**
 * Ascending edges that enclose all values of positive weight. On a linear scale the bin width follows the rule of Freedman
 * and Diaconis (twice the interquartile range divided by the cube root of the number of values), rounded to 1, 2, 2.5 or 5
 * times a power of ten. `count` sets the approximate number of bins instead.
 */
export function binEdges({ values, weights }: Weighted, scale: BinScale, count?: number): number[] {
  const used = values.filter((_, i) => weights[i] > 0)
  if (!used.length) return []
  const [low, high] = [used[0], used[used.length - 1]]
  if (scale === 'log') return logEdges(low, high, count ?? 20)
  const rule = (2 * (quantile(used, 0.75) - quantile(used, 0.25))) / Math.cbrt(used.length)
  const wanted = count ?? Math.min(maxBins, Math.max(minBins, rule > 0 ? Math.ceil((high - low) / rule) : minBins))
  const rough = (high - low || Math.abs(high) || 1) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const width = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999)!
  const first = Math.floor(low / width)
  const last = Math.floor(high / width) + 1
  return Array.from({ length: last - first + 1 }, (_, i) => round((first + i) * width))
}

/** Whether all but the extreme hundredths of the values span more than a factor of ten: one speck must not change the axes. */
export const spansTenfold = (ascending: Float64Array): boolean =>
  ascending.length > 0 && quantile(ascending, 0.99) > 10 * quantile(ascending, 0.01)

function logEdges(low: number, high: number, count: number): number[] {
  const [from, to] = [Math.log10(low), Math.log10(high)]
  const step = (to - from || 0.1) / count
  const edges = Array.from({ length: count + 1 }, (_, i) => round(10 ** (from + i * step)))
  // rounding must not exclude the first or last value
  edges[0] = Math.min(edges[0], low)
  edges[count] = Math.max(edges[count], high)
  return edges
}

const round = (value: number) => Number(value.toPrecision(12))
