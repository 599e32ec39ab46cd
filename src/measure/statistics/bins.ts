/** @file Bins of a histogram: round, equally wide (or equally wide in the logarithm), and wide enough for every value. */
import { quantile, type Weighted } from './weighted'

export type BinScale = 'linear' | 'log'

const [fewest, most] = [5, 40]

/**
 * Ascending edges that hold all values of some weight. Linear: the number by Freedman and Diaconis (twice the
 * interquartile range by the cube root of the number), then a round width (1, 2, 2.5 or 5 times a power of ten). `count`
 * asks for about so many.
 */
export function binEdges({ values, weights }: Weighted, scale: BinScale, count?: number): number[] {
  const used = values.filter((_, i) => weights[i] > 0)
  if (!used.length) return []
  const [low, high] = [used[0], used[used.length - 1]]
  if (scale === 'log') return logEdges(low, high, count ?? 20)
  const rule = (2 * (quantile(used, 0.75) - quantile(used, 0.25))) / Math.cbrt(used.length)
  const wanted = count ?? Math.min(most, Math.max(fewest, rule > 0 ? Math.ceil((high - low) / rule) : fewest))
  const rough = (high - low || Math.abs(high) || 1) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const width = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999)!
  const first = Math.floor(low / width)
  const last = Math.floor(high / width) + 1
  return Array.from({ length: last - first + 1 }, (_, i) => round((first + i) * width))
}

function logEdges(low: number, high: number, count: number): number[] {
  const [from, to] = [Math.log10(low), Math.log10(high)]
  const step = (to - from || 0.1) / count
  const edges = Array.from({ length: count + 1 }, (_, i) => round(10 ** (from + i * step)))
  // rounding must not leave an end out
  edges[0] = Math.min(edges[0], low)
  edges[count] = Math.max(edges[count], high)
  return edges
}

const round = (value: number) => Number(value.toPrecision(12))
