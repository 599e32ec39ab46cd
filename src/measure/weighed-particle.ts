/** @file A particle and how much it counts. */
import type { Particle } from './particles'

/** A particle with its weights. */
export interface WeighedParticle {
  particle: Particle
  /** Why its weight is 0; null if it counts. */
  leftOut: 'edge' | 'small' | null
  /** Weight by number. */
  number: number
  /** Weight by volume: `number` times the particle's volume. */
  volume: number
}
