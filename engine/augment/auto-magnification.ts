/**
 * @file Magnifications chosen from the data: each image is shown so that its particles have sizes that occur in the set of
 * training images at the model's own input, no other ones. A wider range costs more steps than a short run has. A training at a smaller
 * input so sees crops, in which particles are as large as the whole image would show them at the model's own input: images are
 * segmented in tiles that do the same (see view.ts).
 */
import type { Size } from '../image/size'
import { quantile } from '../quantile'
import { boundMagnification, type Magnification, type ParticleStatistics } from './magnification'

/** The smallest and the largest usual median diameter of an image's particles, in pixels of the model's input. */
export type SizeRange = readonly [small: number, large: number]

/** An image whose particles are known. */
export type MeasuredImage = Size & ParticleStatistics

/** This fraction of views shows the whole image as it is: what the model sees in use. */
export const WHOLE_SHARE = 0.25
/** Quantiles of the images' median diameters between which sizes are usual: single images may be exceptions. */
const USUAL = [0.1, 0.9] as const
/** Sizes go beyond the usual ones by this factor: images that were not labelled are a little different. */
const JITTER = 1.25
/** No view magnifies more, or less, than this. */
const BOUNDS: Magnification = [0.5, 8]
/** A magnified view still holds about as many particles: it shows what their surroundings are. */
const LEAST_PARTICLES = 4

/**
 * The usual sizes in a set of images as a whole image shows them at an input of `size` pixels a side; null without particles.
 * @param size the model's own input, also for a training at a smaller one
 */
export function sizeRange(images: readonly MeasuredImage[], size: number): SizeRange | null {
  const diameters = images
    .filter(({ diameter }) => diameter > 0)
    .map(({ width, height, diameter }) => (diameter * size) / Math.max(width, height))
    .sort((a, b) => a - b)
  if (!diameters.length) return null
  return [quantile(diameters, USUAL[0]), quantile(diameters, USUAL[1])]
}

/**
 * The magnifications that bring an image's median particle to the sizes of a range. The whole image, at 1, may be outside: an
 * image whose particles are unusually large is made smaller.
 * @param sizes null: only sizes near the image's own
 */
export function autoMagnification(image: MeasuredImage, size: number, sizes: SizeRange | null): Magnification {
  const { width, height, particles, diameter } = image
  const whole = (diameter * size) / Math.max(width, height)
  const [small, large] = sizes ?? [whole, whole]
  const most = Math.max(1, Math.min(BOUNDS[1], Math.sqrt(particles / LEAST_PARTICLES)))
  const within = (value: number) => Math.max(BOUNDS[0], Math.min(most, value))
  const range: Magnification = [within(small / whole / JITTER), within((large / whole) * JITTER)]
  return boundMagnification(range, image, diameter, size)
}

/**
 * The choice for a set of images as text.
 * @param size side of the input at which the model trains, and of its own
 */
export function describeMagnification(images: readonly MeasuredImage[], size: number, ownSize = size): string {
  const sizes = sizeRange(images, ownSize)
  if (!sizes) return 'views: whole images'
  const ranges = images.filter(({ diameter }) => diameter > 0).map((image) => autoMagnification(image, size, sizes))
  const [low, high] = [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))]
  const [small, large] = sizes.map((value) => value.toFixed(0))
  return (
    `views: the images' median particles are ${small} to ${large} px at ${ownSize === size ? 'the input' : `the model's own input of ${ownSize}`} ` +
    `(10 to 90 % of the images), and each image is ` +
    `magnified to such sizes, by ${low.toFixed(2)} to ${high.toFixed(2)}; ${100 * WHOLE_SHARE} % of the views are whole images`
  )
}
