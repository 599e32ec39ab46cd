/**
 * @file The grid of kernels that copy numbers or compute little with them. A workgroup has 64 lanes in 8 groups of 8. A
 * group owns 8 * rounds consecutive elements; in each round its 8 lanes process 8 neighbours.
 *
 * On a GPU `rounds` is 1. On a software adapter 8 lanes are one SIMD vector of the processor, and starting a vector costs as
 * much as loading and storing five vec4 in each of its lanes, so there each lane loops over many elements.
 */
import type { Engine } from '../device/engine'
import { grid1d } from '../device/grid'

/** Lanes of a workgroup, as in the kernels. */
const LANES = 64
/** More rounds than this gain nothing. */
const MAX_ROUNDS = 64
/** Rounds are added only while at least about this many workgroups remain for the processor's cores. */
const WORKGROUPS = 64

export interface ElementwiseGrid {
  /** Elements that each lane processes. */
  rounds: number
  /** Workgroups for one line of elements. */
  groups: number
  /** The same number or slightly more, in two dimensions, for lines too long for one: see grid1d. */
  grid: [number, number]
}

/** The grid for lines of `elements` each; `lines` of them are spread over other dimensions of the grid. */
export function elementwiseGrid({ software }: Engine, elements: number, lines = 1): ElementwiseGrid {
  const spread = Math.ceil((elements * lines) / (LANES * WORKGROUPS))
  const rounds = software ? Math.min(MAX_ROUNDS, spread, Math.ceil(elements / LANES)) : 1
  const each = LANES * rounds
  return { rounds, groups: Math.ceil(elements / each), grid: grid1d(elements, each) }
}
