/** @file How large the particles of an image are, from the diameters of masks or boxes. */
import { quantile } from '../quantile'

/** Lengths in pixels of the image. */
export interface ParticleSize {
  /** The median equivalent diameter. */
  diameter: number
  /** The length that tiles must hold whole: nearly all particles are shorter. */
  largest: number
}

/** The fraction of particles that are no longer than `largest`: a few wrong masks must not decide how large tiles are. */
const LARGEST = 0.95

/** The largest particle where only the median is known: in a log-normal distribution of a spread of 0.4 1 % are larger. */
export const LARGEST_OF_MEDIAN = 2.5

/** The size where no particle need fit into a tile that is much larger than most. */
export const statedSize = (diameter: number): ParticleSize => ({ diameter, largest: LARGEST_OF_MEDIAN * diameter })

/**
 * The size of particles with these equivalent diameters and lengths (the longer side of each one's box); null for fewer
 * than `atLeast`. Values that are not positive numbers are left out.
 */
export function measuredSize(
  particles: readonly { diameter: number; length: number }[],
  atLeast = 1,
): ParticleSize | null {
  const usable = particles.filter(({ diameter, length }) => diameter > 0 && length > 0 && Number.isFinite(length))
  if (!usable.length || usable.length < atLeast) return null
  const of = (values: number[], q: number) =>
    quantile(
      values.sort((a, b) => a - b),
      q,
    )
  return {
    diameter: of(
      usable.map(({ diameter }) => diameter),
      0.5,
    ),
    largest: of(
      usable.map(({ length }) => length),
      LARGEST,
    ),
  }
}
