/**
 * @file How the kernels that only move numbers, or compute little with them, go over many items: 64 lanes a workgroup, of
 * which each eight share a run of 8 * rounds items and take them eight by eight.
 *
 * On a software adapter eight lanes are one vector of the processor. To begin one costs as much as to load and store five
 * vec4 in each of its lanes, so there they go on for many rounds. On a GPU a lane has one item.
 */
import type { Engine } from '../device/engine'
import { grid1d } from './grid'

/** Of a workgroup, as the kernels have it. */
const LANES = 64
/** Beyond so many rounds nothing is won. */
const MOST_ROUNDS = 64
/** So many workgroups are left for the processor's cores, before lanes go on for more rounds. */
const WORKGROUPS = 64

export interface Runs {
  rounds: number
  /** Workgroups of one line. */
  groups: number
  /** The same over two dimensions, however many there are. */
  grid: [number, number]
}

/** For `items`, on each of `lines` that lie along other dimensions of the grid. */
export function runsOf({ software }: Engine, items: number, lines = 1): Runs {
  const spread = Math.ceil((items * lines) / (LANES * WORKGROUPS))
  const rounds = software ? Math.min(MOST_ROUNDS, spread, Math.ceil(items / LANES)) : 1
  const each = LANES * rounds
  return { rounds, groups: Math.ceil(items / each), grid: grid1d(items, each) }
}
