/** @file The distance between two distributions of particle sizes. */
import { quantile } from '../statistics/quantile'

/**
 * The Wasserstein-1 distance of two samples of equally weighted values: the area between their cumulative distribution
 * functions, in the unit of the values. NaN if either is empty.
 */
export function wasserstein(a: readonly number[], b: readonly number[]): number {
  if (!a.length || !b.length) return NaN
  const [first, second] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()]
  let [i, j, sum] = [0, 0, 0]
  let at = Math.min(first[0], second[0])
  while (i < first.length || j < second.length) {
    const next = Math.min(first[i] ?? Infinity, second[j] ?? Infinity)
    sum += Math.abs(i / first.length - j / second.length) * (next - at)
    at = next
    while (i < first.length && first[i] === at) i++
    while (j < second.length && second[j] === at) j++
  }
  return sum
}

export interface SizeError {
  /** Pixels. */
  pixels: number
  /** As a fraction of the mean true diameter. */
  relative: number
}

/**
 * The size error of masks from equivalent diameters. No masks count as one of diameter 0, so that the relative error is 1. NaN
 * without instances.
 */
export function sizeError(predicted: readonly number[], actual: readonly number[]): SizeError {
  const pixels = wasserstein(predicted.length ? predicted : [0], actual)
  return { pixels, relative: pixels / (actual.reduce((sum, d) => sum + d, 0) / actual.length) }
}

/** Percentiles 0, 1 … 100 of a sample, interpolated linearly; an empty list for an empty sample. */
export function percentiles(sample: readonly number[]): number[] {
  if (!sample.length) return []
  const sorted = Float64Array.from(sample).sort()
  return Array.from({ length: 101 }, (_, percent) => quantile(sorted, percent / 100))
}
