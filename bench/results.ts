/** @file The file that `wgsam bench` writes: what was measured, on what, with which versions. Read again by --compare. */
import * as v from 'valibot'
import type { Hardware } from '../src/host/hardware'
import type { PeakName } from './peaks'
import type { Spread } from './statistics'

export const FORMAT = 'wgsam bench'
export const VERSION = 1

export const directions = ['forward', 'backward', 'both'] as const

export interface MicroRow extends Rates {
  kind: 'micro' | 'peak'
  /** The operation, its shape, and the direction: the same in every file. */
  name: string
  /** Milliseconds of one run on the GPU. */
  ms: Spread
  dispatches: number
}

export interface Rates {
  /** The least an operation must do. */
  flops: number
  bytes: number
  gflops: number
  gbs: number
  /** Its share of the roof: what the peaks allow for its FLOPs and bytes; null for a peak, or without peaks. */
  share: number | null
  bound: 'compute' | 'memory'
}

export interface MacroRow {
  kind: 'macro'
  name: string
  /** Milliseconds from the host's call to the result. */
  ms: Spread
  /** Milliseconds that the host's thread is busy with encoding and submitting, and that as a share of the median; null where they take turns. */
  host: Spread | null
  hostShare: number | null
  /** Images, prompts, points that one run does, for a rate. */
  items: number
  unit: string
  dispatches: number
  /** Bytes on the GPU: as the plan says, and as buffers were really made, the most at once. */
  plannedBytes: number
  peakBytes: number
  /** Bytes held before and after all runs: equal, or memory grows. */
  heldBytes: [number, number]
}

/** The parts of a first run, milliseconds. */
export interface FirstTimes {
  /** The adapter, the device. */
  open: number
  /** Weights uploaded, the step recorded and planned, its pipelines made. */
  record: number
  first: number
  /** The same again: what is left is no start. */
  second: number
}

/** From nothing to a first result, in a process of its own. */
export interface FirstRow extends FirstTimes {
  kind: 'first'
  name: string
  /** Whether the driver's shader cache was empty. */
  cold: boolean
  ms: Spread
}

/** Work of the processor alone. */
export interface HostRow {
  kind: 'host'
  name: string
  ms: Spread
}

/** The same operation by another library on the same adapter. */
export interface PeerRow {
  kind: 'peer'
  name: string
  peer: string
  /** Milliseconds, and ours under the same clock. */
  ms: Spread
  ours: Spread
  /** Theirs over ours: above 1 ours is faster. */
  ratio: number
  /** ‖theirs − ours‖ / ‖ours‖. */
  error: number
}

export type Row = MicroRow | MacroRow | FirstRow | HostRow | PeerRow

export interface BenchFile {
  format: typeof FORMAT
  version: typeof VERSION
  date: string
  command: string
  hardware: Hardware
  /** The kernel variants of matrix products and attention, Dawn's toggles, and how GPU time was measured. */
  engine: { products: string; attention: string; toggles: string[]; clock: string }
  quick: boolean
  /** Whether it was stopped before all rows were measured. */
  interrupted: boolean
  /** GB/s of a copy, GFLOP/s of multiply-adds and of a large product. */
  peaks: Record<PeakName, number> | null
  rows: Row[]
  /** Rows that could not be measured here, and why. */
  skipped: { name: string; why: string }[]
}

const spread = v.looseObject({
  median: v.number(),
  low: v.number(),
  high: v.number(),
  runs: v.number(),
})

/** What a comparison needs of a file; the rest is for people. */
export const comparedFile = v.looseObject({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  date: v.string(),
  hardware: v.looseObject({ adapter: v.string(), driver: v.string(), versions: v.string() }),
  rows: v.array(v.looseObject({ kind: v.string(), name: v.string(), ms: spread })),
})
export type ComparedFile = v.InferOutput<typeof comparedFile>
