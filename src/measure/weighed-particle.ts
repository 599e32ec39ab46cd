/** @file A particle and how much it counts. */
import type { MeasuredImage } from './measure'
import type { Particle } from './particles'

/** A particle with its weights. */
export interface WeighedParticle {
  particle: Particle
  /** Why its weight is 0; null if it counts. */
  leftOut: 'edge' | 'small' | null
  /** Weight by number. */
  number: number
  /** Weight by area: `number` times the particle's area. */
  area: number
  /** Weight by volume: `number` times the particle's volume. */
  volume: number
}

/** An image with its particles. */
export interface WeighedImage {
  image: MeasuredImage
  /** Units per pixel. */
  scale: number
  particles: WeighedParticle[]
}
