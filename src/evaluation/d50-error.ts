/** @file The error of D50, the median size of particles, as `wgsam measure` defines it, and of their number. */
import { describe } from '../statistics/weighted'
import { bootstrap, equalWeights, type Interval, percentileInterval, type Statistics } from './bootstrap'

/** Equivalent diameters in pixels, of an image's masks and of its labelled instances. */
export interface Diameters {
  masks: readonly number[]
  instances: readonly number[]
}

/** How particles are weighted in a distribution: equally, or by the volume of a sphere of their diameter. */
export type SizeWeighting = 'number' | 'volume'

/**
 * Returns a function that computes, from a weight for each image, (D50 of the masks - D50 of the instances) / D50 of the
 * instances, of the particles of all images together. -1 without masks, as if they had no size; NaN without instances.
 */
export function d50Error(
  images: readonly Diameters[],
  weighting: SizeWeighting,
): (weights: ArrayLike<number>) => number {
  const [masks, instances] = (['masks', 'instances'] as const).map((which) =>
    median(
      images.map((image) => image[which]),
      weighting,
    ),
  )
  return (weights) => (masks(weights) ?? 0) / (instances(weights) ?? NaN) - 1
}

/** The weighted median of the sizes of several images; sorted once, so that new weights are cheap. */
function median(images: readonly (readonly number[])[], weighting: SizeWeighting) {
  const sorted = images
    .flatMap((sizes, image) => sizes.map((size) => ({ size, image })))
    .sort((a, b) => a.size - b.size)
  const values = Float64Array.from(sorted, ({ size }) => size)
  const own = values.map((size) => (weighting === 'volume' ? size ** 3 : 1))
  const weights = new Float64Array(values.length)
  return (ofImages: ArrayLike<number>): number | null => {
    for (let i = 0; i < weights.length; i++) weights[i] = ofImages[sorted[i].image] * own[i]
    return describe({ values, weights })?.figures.d50 ?? null
  }
}

/** An image's masks and labels, as far as count and sizes need them. */
export interface CountedImage {
  masks: number
  instances: number
  diameters: Diameters
}

type CountAndSize = Record<'countError' | 'd50Error', number>

/** Errors of count and D50, signed, with intervals over the images; null with one image, or without a label in a resample. */
export interface CountAndSizeErrors extends CountAndSize {
  intervals: Record<keyof CountAndSize, Interval | null>
}

/** The errors of all images together. */
export function countAndSizeErrors(
  images: readonly CountedImage[],
  options: { resamples: number; seed: number } = { resamples: 1000, seed: 0 },
): CountAndSizeErrors {
  const size = d50Error(
    images.map(({ diameters }) => diameters),
    'number',
  )
  const statistics: Statistics<keyof CountAndSize> = (weights) => {
    let [masks, instances] = [0, 0]
    images.forEach((image, i) => {
      masks += weights[i] * image.masks
      instances += weights[i] * image.instances
    })
    return { countError: instances ? (masks - instances) / instances : NaN, d50Error: size(weights) }
  }
  const samples = images.length > 1 ? bootstrap(statistics, images.length, options) : null
  const interval = (name: keyof CountAndSize) => samples && percentileInterval(samples[name])
  return {
    ...statistics(equalWeights(images.length)),
    intervals: { countError: interval('countError'), d50Error: interval('d50Error') },
  }
}
