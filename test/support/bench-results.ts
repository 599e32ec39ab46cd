/** @file Result files of benchmarks with chosen values. */
import { type BenchFile, FORMAT, type MacroRow, type MicroRow, VERSION } from '../../bench/results'
import type { Spread } from '../../bench/statistics'

export const spread = (low: number, median: number, high: number, runs = 9): Spread => ({
  median,
  low,
  high,
  least: low,
  runs,
})

export const micro = (name: string, ms: Spread, flops = 1e9, bytes = 1e7): MicroRow => ({
  kind: 'micro',
  name,
  ms,
  dispatches: 1,
  flops,
  bytes,
  gflops: flops / ms.median / 1e6,
  gbs: bytes / ms.median / 1e6,
  share: 0.5,
  bound: 'compute',
})

export const file = (rows: BenchFile['rows'], adapter = 'a card'): BenchFile => ({
  format: FORMAT,
  version: VERSION,
  date: '2026-01-02T03:04:05.000Z',
  command: 'wgsam bench',
  hardware: { adapter, driver: 'd', software: false, processor: 'p', system: 's', versions: 'v' },
  engine: { products: 'shared', attention: 'tiled', toggles: [], clock: 'timestamp queries' },
  quick: false,
  interrupted: false,
  peaks: { copy: 100, multiplyAdd: 5000, gemm: 2000 },
  rows,
  skipped: [],
})

/** A row of a whole run that takes exactly `ms` and holds at most `peakBytes`. */
export const macro = (name: string, ms: number, peakBytes = 0): MacroRow => ({
  kind: 'macro',
  name,
  ms: spread(ms, ms, ms),
  host: null,
  hostShare: null,
  items: 1,
  unit: 'image',
  dispatches: 1,
  plannedBytes: 0,
  peakBytes,
  heldBytes: [0, 0],
})
