/**
 * @file The grid of kernels that copy numbers or compute little with them. A workgroup has 64 lanes in 8 groups of 8. A
 * group owns 8 * rounds consecutive elements; in each round its 8 lanes process 8 neighbours.
 *
 * On a software adapter 8 lanes are one SIMD vector of the processor, and starting a vector costs as much as loading and
 * storing five vec4 in each of its lanes, so there each lane loops over many elements. A GPU starts about one workgroup of 64
 * lanes per nanosecond (H100), which is too slow for lanes that move a few bytes, so there a lane has a few elements if there
 * are enough.
 */
import type { Engine } from '../device/engine'
import { grid1d } from '../device/grid'

/** Lanes of a workgroup, as in the kernels. */
const LANES = 64
/** More rounds than `rounds` gain nothing; rounds are added only while at least about `workgroups` workgroups remain. */
const LIMITS = { software: { rounds: 64, workgroups: 64 }, gpu: { rounds: 4, workgroups: 4096 } } as const

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
  const limit = software ? LIMITS.software : LIMITS.gpu
  const spread = Math.ceil((elements * lines) / (LANES * limit.workgroups))
  const rounds = Math.min(limit.rounds, spread, Math.ceil(elements / LANES))
  const each = LANES * rounds
  return { rounds, groups: Math.ceil(elements / each), grid: grid1d(elements, each) }
}
