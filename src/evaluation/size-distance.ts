/** @file The distance between two distributions of particle sizes. */
import { quantile } from '../statistics/quantile'

/** The diameter of the disc of so many pixels. */
export const equivalentDiameter = (area: number): number => 2 * Math.sqrt(area / Math.PI)

/**
 * The Wasserstein-1 distance of two samples, each of its values weighing the same: the area between their cumulative
 * distributions, in the samples' unit. NaN where one is empty.
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
  /** As a share of the mean true diameter. */
  relative: number
}

/**
 * The size error of masks, by their equivalent diameters. No masks at all count as diameter 0: the relative error is then 1.
 * NaN without instances.
 */
export function sizeError(predicted: readonly number[], actual: readonly number[]): SizeError {
  const pixels = wasserstein(predicted.length ? predicted : [0], actual)
  return { pixels, relative: pixels / (actual.reduce((sum, d) => sum + d, 0) / actual.length) }
}

/** The values below which 0, 1 … 100 % of a sample lie, interpolated; empty of nothing. */
export function percentiles(sample: readonly number[]): number[] {
  if (!sample.length) return []
  const sorted = Float64Array.from(sample).sort()
  return Array.from({ length: 101 }, (_, percent) => quantile(sorted, percent / 100))
}
