/** @file Bootstrap resampling and percentile intervals, seeded so that results repeat. */
import { Rng } from '../../../engine/rng'
import { quantile } from '../../statistics/quantile'

export interface Interval {
  low: number
  high: number
}

/** What is resampled with replacement: whole images, or the particles within each image. */
export type ResamplingUnit = 'images' | 'particles'

/** The smallest number of images that are resampled by default: fewer say too little about the variation between images. */
export const minImagesToResample = 5

/**
 * Draws `times` bootstrap samples.
 * @param imageOf the image of each particle, from 0 to images - 1
 * @param take called with how often each image and each particle was drawn; the arrays are reused
 */
export function eachResample(
  unit: ResamplingUnit,
  imageOf: Uint32Array,
  images: number,
  { times, seed }: { times: number; seed: number },
  take: (images: Uint32Array, particles: Uint32Array) => void,
): void {
  const rng = new Rng(seed)
  const ofImage = new Uint32Array(images)
  const ofParticle = new Uint32Array(imageOf.length)
  const members = Array.from({ length: unit === 'particles' ? images : 0 }, (): number[] => [])
  if (unit === 'particles') imageOf.forEach((image, i) => members[image].push(i))
  for (let time = 0; time < times; time++) {
    if (unit === 'images') {
      ofImage.fill(0)
      for (let i = 0; i < images; i++) ofImage[rng.int(images)]++
      for (let i = 0; i < imageOf.length; i++) ofParticle[i] = ofImage[imageOf[i]]
    } else {
      ofImage.fill(1)
      ofParticle.fill(0)
      for (const own of members) for (let i = 0; i < own.length; i++) ofParticle[own[rng.int(own.length)]]++
    }
    take(ofImage, ofParticle)
  }
}

/** The percentile interval, which excludes (1 - level) / 2 on either side; null for fewer than 20 finite values. */
export function intervalOf(values: readonly number[], level: number): Interval | null {
  const finite = Float64Array.from(values.filter(Number.isFinite)).sort()
  if (finite.length < 20) return null
  return { low: quantile(finite, (1 - level) / 2), high: quantile(finite, (1 + level) / 2) }
}
