/** @file What measuring gives: the particles of each image, and the images that were not measured. */
import type { PixelSize } from '../images/microscope/pixel-size'
import type { Particle } from './particles'
import type { Picture } from './picture'

/** An image with its particles; all lengths are in pixels. */
export interface MeasuredImage {
  name: string
  group: string
  width: number
  height: number
  pixelSize: PixelSize | null
  /** The kind of masks: 'labels', 'proposals', 'review, accepted' … */
  from: string
  particles: Particle[]
  /** The number of pixels covered by particles. */
  covered: number
  /** The sum of the particles' areas minus `covered`: more than 0 if particles overlap. */
  shared: number
  notes: string[]
  /** For the report; null for images beyond the number of pictures asked for. */
  picture: Picture | null
}

/** An image that was not measured, and why. */
export interface Unmeasured {
  name: string
  reason: string
  /** True if the image could not be read; false if it was excluded on purpose. */
  failed: boolean
}

/** The particles of some images, and what was noticed. */
export interface Measured {
  images: MeasuredImage[]
  unmeasured: Unmeasured[]
  /** Whether the user stopped the run. */
  stopped: boolean
}
