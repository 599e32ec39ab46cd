/** @file The result file of `wgsam bench`: hardware, versions and measurements. `--compare` reads it. */
import * as v from 'valibot'
import type { Precision } from '../engine/device/precision'
import type { Hardware } from '../src/host/hardware'
import type { PeakName } from './peaks'
import type { Spread } from './statistics'

export const FORMAT = 'wgsam bench'
export const VERSION = 1

export interface MicroRow extends Rates {
  kind: 'micro' | 'peak'
  /** The operation, its shape and the direction; it identifies the row in all result files. */
  name: string
  /** Milliseconds of one run on the GPU. */
  ms: Spread
  dispatches: number
}

export interface Rates {
  /** The minimum work of the operation: see Work. */
  flops: number
  bytes: number
  gflops: number
  gbs: number
  /** The fraction of the roofline reached: minimum time by the peaks / measured time; null for a peak, or without peaks. */
  share: number | null
  bound: 'compute' | 'memory'
}

export interface MacroRow {
  kind: 'macro'
  name: string
  /** Milliseconds from the host's call to the result. */
  ms: Spread
  /** Milliseconds that the host spends on encoding and submitting, and their fraction of the median; null if host and GPU alternate. */
  host: Spread | null
  hostShare: number | null
  /** The number of images, prompts or points that one run processes, for the rate. */
  items: number
  unit: string
  dispatches: number
  /** GPU memory in bytes: according to the plan, and the measured peak of allocated buffers. */
  plannedBytes: number
  peakBytes: number
  /** Bytes allocated before and after the measured runs; if they differ, memory grows. */
  heldBytes: [number, number]
}

/** The phases of a start, milliseconds. */
export interface StartupTimes {
  /** Opening the adapter and the device. */
  open: number
  /** Uploading weights, recording and planning the run, creating pipelines. */
  record: number
  first: number
  /** The second run, for comparison: without startup costs. */
  second: number
}

/** The time from the start to the first result, in a separate process. */
export interface StartupRow extends StartupTimes {
  kind: 'first'
  name: string
  /** Whether the driver's shader cache was empty. */
  cold: boolean
  ms: Spread
}

/** Work of the CPU alone. */
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
  /** Milliseconds of the peer, and ours by the same clock. */
  ms: Spread
  ours: Spread
  /** Theirs / ours; above 1 means that ours is faster. */
  ratio: number
  /** ‖theirs − ours‖ / ‖ours‖; null if the results cannot be compared. */
  error: number | null
  /** Bytes of GPU memory that the peer took at most, if it says so. */
  peak?: number
}

/** GB/s of a copy, GFLOP/s of multiply-adds, of a large matrix product, and of matrix units if the adapter has them. */
export type Peaks = Record<PeakName, number> & { matrix?: number }

export type ResultRow = MicroRow | MacroRow | StartupRow | HostRow | PeerRow

export interface BenchFile {
  format: typeof FORMAT
  version: typeof VERSION
  date: string
  command: string
  hardware: Hardware
  /** The kernel variants of matrix products and attention, Dawn's toggles, and how GPU time was measured. */
  engine: { products: string; attention: string; precision?: Precision; toggles: string[]; clock: string }
  quick: boolean
  /** True if it was stopped before all rows were measured. */
  interrupted: boolean
  peaks: Peaks | null
  rows: ResultRow[]
  /** Rows that could not be measured here, and why. */
  skipped: { name: string; why: string }[]
}

const spread = v.looseObject({
  median: v.number(),
  low: v.number(),
  high: v.number(),
  runs: v.number(),
})

/** The parts of a result file that a comparison uses; the rest is for people. */
export const comparedFile = v.looseObject({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  date: v.string(),
  hardware: v.looseObject({ adapter: v.string(), driver: v.string(), versions: v.string() }),
  rows: v.array(v.looseObject({ kind: v.string(), name: v.string(), ms: spread })),
})
export type ComparedFile = v.InferOutput<typeof comparedFile>
