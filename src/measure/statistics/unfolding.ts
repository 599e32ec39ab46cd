/**
 * @file Diameters of spheres from the diameters of their sections (Wicksell's problem), by Saltykov's method: a random plane
 * cuts a large sphere more often than a small one, and seldom through its centre.
 */
import type { Weighted } from '../../statistics/weighted'

export interface Unfolded {
  /** Ascending edges of the bins, equally wide, from 0 to the largest section. */
  edges: number[]
  /** Fraction of the sections in each bin, by number. */
  sections: number[]
  /** Fraction of the spheres in each bin, by number. */
  spheres: number[]
  /**
   * Fraction of the sections in bins where fewer were found than the larger spheres alone would give. Their spheres would be
   * negative and are set to 0. Large values mean that the particles are not spheres, or that small sections were missed.
   */
  negative: number
  /** Median and mean diameter of the spheres, from the bins. */
  median: number
  mean: number
  /** Mean diameter of the spheres without bins (Fullman 1953): pi / 2 times the harmonic mean of the sections' diameters. */
  fullmanMean: number
}

/** Number of bins: more make the result noisy, since errors of large bins are passed on to all smaller ones. */
const UNFOLDING_BINS = 12

/**
 * Assumes spheres that are cut at random. With bins of width w, spheres of diameter j w give sections of bin i ≤ j with the
 * number per area N_A(i) = N_V(j) w (√(j² − (i − 1)²) − √(j² − i²)). Solved from the largest bin downwards.
 * @returns null if all weights are 0
 */
export function unfoldSections({ values, weights }: Weighted, bins = UNFOLDING_BINS): Unfolded | null {
  const used = [...values.keys()].filter((i) => weights[i] > 0 && values[i] > 0)
  if (!used.length) return null
  const width = values[used[used.length - 1]] / bins
  const counts = new Array<number>(bins).fill(0)
  let [inverse, sum] = [0, 0]
  for (const i of used) {
    counts[Math.min(bins - 1, Math.max(0, Math.ceil(values[i] / width - 1e-9) - 1))] += weights[i]
    inverse += weights[i] / values[i]
    sum += weights[i]
  }
  const share = (i: number, j: number) => width * (Math.sqrt(j * j - (i - 1) ** 2) - Math.sqrt(j * j - i * i))
  const spheres = new Array<number>(bins).fill(0)
  let negative = 0
  for (let i = bins; i >= 1; i--) {
    let rest = counts[i - 1]
    for (let j = i + 1; j <= bins; j++) rest -= spheres[j - 1] * share(i, j)
    if (rest < 0) negative -= rest
    spheres[i - 1] = Math.max(0, rest) / share(i, i)
  }
  const all = spheres.reduce((a, b) => a + b, 0)
  const shares = spheres.map((number) => number / all)
  const edges = Array.from({ length: bins + 1 }, (_, i) => i * width)
  return {
    edges,
    sections: counts.map((count) => count / sum),
    spheres: shares,
    negative: negative / sum,
    median: medianOf(edges, shares),
    // spheres of bin j are taken as of its upper edge, as the equations do
    mean: shares.reduce((mean, share, i) => mean + share * edges[i + 1], 0),
    fullmanMean: (Math.PI / 2) * (sum / inverse),
  }
}

/** The median of spheres at the upper edges of their bins, interpolated between them. */
function medianOf(edges: readonly number[], shares: readonly number[]): number {
  let below = 0
  for (let i = 0; i < shares.length; i++) {
    if (below + shares[i] >= 0.5) return edges[i] + ((0.5 - below) / shares[i]) * (edges[i + 1] - edges[i])
    below += shares[i]
  }
  return edges[edges.length - 1]
}

/**
 * Grain size number G of ASTM E112 (planimetric method) from the number of grains per mm²; the plane must be filled by
 * grains. The standard's constants: G = 3.321928 log10(N_A) − 2.954.
 */
export const grainSizeNumber = (perSquareMillimetre: number): number =>
  3.321928 * Math.log10(perSquareMillimetre) - 2.954
