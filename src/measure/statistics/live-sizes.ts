/**
 * @file The size distribution of the masks on the screen: a histogram and percentiles, computed again after each edit. Imports
 * nothing of Node, so that the review page can use it.
 */
import { describe } from '../../statistics/weighted'
import { binEdges, type BinScale, spansTenfold } from './bins'

export interface LiveSizes {
  /** The scale of the bins and of the axis. */
  scale: BinScale
  /** Ascending edges of the bins, in the unit of the diameters; one more than there are bins. */
  edges: number[]
  /** The number of diameters in each bin. */
  counts: number[]
  /** The bin of each diameter, in the order given; -1 for one that is not a number above 0 or has no weight. */
  binOf: Int32Array
  /** The number of diameters that count. */
  counted: number
  /** The sizes below which 10, 50 and 90 % of the particles lie, by number. */
  number: Percentiles
  /** The same by volume: each particle counts as a sphere of its diameter. */
  volume: Percentiles
}

interface Percentiles {
  d10: number
  d50: number
  d90: number
}

export interface LiveOptions {
  /** How much each diameter counts, such as `edgeWeight` of the mask's box; 1 by default, and 0 leaves it out. */
  weights?: readonly number[]
  /** 'auto', the default: logarithmic if sizes span more than a factor of ten. */
  scale?: BinScale | 'auto'
  /** The approximate number of bins; by the rule of Freedman and Diaconis by default. */
  bins?: number
}

/** @param diameters of particles, in any unit and order @returns null if none counts */
export function liveSizes(diameters: readonly number[], options: LiveOptions = {}): LiveSizes | null {
  const { weights, scale: asked = 'auto', bins } = options
  const used = [...diameters.keys()]
    .filter((i) => Number.isFinite(diameters[i]) && diameters[i] > 0 && (weights?.[i] ?? 1) > 0)
    .sort((a, b) => diameters[a] - diameters[b])
  if (!used.length) return null
  const values = Float64Array.from(used, (i) => diameters[i])
  const number = Float64Array.from(used, (i) => weights?.[i] ?? 1)
  // relative to the largest: third powers of large numbers would lose digits
  const largest = values[values.length - 1]
  const volume = number.map((weight, i) => weight * (values[i] / largest) ** 3)
  const scale = asked === 'auto' ? (spansTenfold(values) ? 'log' : 'linear') : asked
  const edges = binEdges({ values, weights: number }, scale, bins)
  const counts = new Array<number>(edges.length - 1).fill(0)
  const binOf = new Int32Array(diameters.length).fill(-1)
  let bin = 0
  used.forEach((i) => {
    // the last bin includes its upper edge
    while (bin < counts.length - 1 && diameters[i] >= edges[bin + 1]) bin++
    counts[bin]++
    binOf[i] = bin
  })
  return {
    ...{ scale, edges, counts, binOf, counted: used.length },
    number: percentiles(values, number),
    volume: percentiles(values, volume),
  }
}

function percentiles(values: Float64Array, weights: Float64Array): Percentiles {
  const { d10, d50, d90 } = describe({ values, weights })!.figures
  return { d10, d50, d90 }
}
