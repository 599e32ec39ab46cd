/** @file The distributions of the shapes of particles, by number (ISO 9276-6). */
import { describe } from '../statistics/weighted'
import type { Particle } from './particles'
import { binEdges } from './statistics/bins'
import type { WeighedParticle } from './weighed-particle'

/** Shape measures without a unit, and how to read them. */
export const shapeMeasures = {
  circularity: { key: 'circularity', about: '1 for a disc, less for long or rough particles' },
  roundness: { key: 'roundness', about: '1 for a disc, less for long particles' },
  aspect_ratio: { key: 'aspectRatio', about: '1 for a disc, 2 if twice as long as wide' },
  elongation: { key: 'elongation', about: '0 for a disc, towards 1 for needles' },
  solidity: { key: 'solidity', about: '1 without bays' },
  convexity: { key: 'convexity', about: '1 for a convex outline, less for a rough one' },
  extent: { key: 'extent', about: '1 for a rectangle, 0.785 for a disc' },
  fractal_dimension: { key: 'fractalDimension', about: '1 for a smooth outline, towards 2 for a rough one' },
} as const satisfies Record<string, { key: keyof Particle; about: string }>
export type ShapeMeasure = keyof typeof shapeMeasures

export interface ShapeDistribution {
  measure: ShapeMeasure
  /** The number of particles with a weight above 0 for which the measure exists. */
  counted: number
  d10: number
  d50: number
  d90: number
  mean: number
  std: number
  /** Ascending edges of the bins, and the fraction in each. */
  edges: number[]
  shares: number[]
}

/** The distribution of each shape measure that at least one particle has. */
export function shapeDistributions(particles: readonly WeighedParticle[]): ShapeDistribution[] {
  return (Object.keys(shapeMeasures) as ShapeMeasure[]).flatMap((measure) => {
    const values = particles
      .flatMap(({ particle, number }) => {
        const value = particle[shapeMeasures[measure].key]
        return number > 0 && value !== null && Number.isFinite(value) ? [{ value, number }] : []
      })
      .sort((a, b) => a.value - b.value)
    const of = {
      values: Float64Array.from(values, ({ value }) => value),
      weights: Float64Array.from(values, ({ number }) => number),
    }
    const edges = binEdges({ ...of, weights: of.weights.map(() => 1) }, 'linear')
    const found = describe(of, edges)
    if (!found) return []
    const { d10, d50, d90, mean, std } = found.figures
    const shares = found.shares.slice(1).map((below, i) => below - found.shares[i])
    return [{ measure, counted: values.length, d10, d50, d90, mean, std, edges, shares }]
  })
}
