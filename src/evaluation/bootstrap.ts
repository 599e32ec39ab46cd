/** @file Bootstrap confidence intervals over images: how much a value would vary with other images of the same kind. */
import { Rng } from '../../engine/rng'
import { quantile } from '../statistics/quantile'

/** Computes named values of several images from a weight for each image (how often it counts). */
export type Statistics<Name extends string> = (weights: ArrayLike<number>) => Record<Name, number>

export type Interval = [low: number, high: number]

/** Confidence level: the fraction of resamples inside an interval. */
export const CONFIDENCE = 0.95

/** Weight 1 for every image. */
export const equalWeights = (images: number): Uint16Array => new Uint16Array(images).fill(1)

/**
 * Samples as many images as there are, with replacement, and computes their values; `resamples` times. The same number of
 * images and seed give the same resamples, so that the values of two models on the same images are paired.
 */
export function bootstrap<Name extends string>(
  statistics: Statistics<Name>,
  images: number,
  { resamples, seed }: { resamples: number; seed: number },
): Record<Name, Float64Array> {
  const rng = new Rng(seed, 0xb007)
  const names = Object.keys(statistics(equalWeights(images))) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, new Float64Array(resamples)])) as Record<
    Name,
    Float64Array
  >
  const weights = new Uint16Array(images)
  for (let r = 0; r < resamples; r++) {
    weights.fill(0)
    for (let i = 0; i < images; i++) weights[rng.int(images)]++
    const values = statistics(weights)
    for (const name of names) samples[name][r] = values[name]
  }
  return samples
}

/** The percentile interval of resampled values, interpolated between neighbours; null if there are none or any is NaN. */
export function percentileInterval(samples: Float64Array, confidence = CONFIDENCE): Interval | null {
  if (!samples.length || samples.some(Number.isNaN)) return null
  const sorted = samples.slice().sort()
  return [quantile(sorted, (1 - confidence) / 2), quantile(sorted, (1 + confidence) / 2)]
}
