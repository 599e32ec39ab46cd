/** @file The resolution of GPU time, and repeated timing of a compiled graph with it. */
import type { Engine } from '../engine/device/engine'
import type { Program } from '../engine/graph/program'
import { Timing } from '../engine/graph/timing'
import { warmUp, wasBusy } from './warm-up'

/** Minimum duration of a sample by clock, milliseconds. Dawn rounds timestamps to 65.536 us unless a toggle turns that off. */
const MIN_MS = { exact: 0.2, rounded: 8, host: 20 } as const
export type Clock = keyof typeof MIN_MS

export const clockNames: Record<Clock, string> = {
  exact: 'timestamp queries',
  rounded: 'timestamp queries, rounded to 65.536 us by Dawn',
  host: 'the host, round trips included',
}

/** Dawn's toggle for exact timestamps. A misspelt or forbidden toggle has no effect, so `clockOf` checks the timestamps. */
export const TOGGLES = ['disable-dawn-features=timestamp_quantization']

const QUANTUM = 65536

/** Determines the available clock from timestamps of a program of several dispatches that has run before. */
export async function clockOf(engine: Engine, program: Program): Promise<Clock> {
  if (!engine.device.features.has('timestamp-query')) return 'host'
  const timing = new Timing(engine, program, [0])
  for (let i = 0; i < 5; i++) {
    const [ms] = await timing.sample()
    if (Math.round(ms * 1e6) % QUANTUM) return 'exact'
  }
  return 'rounded'
}

export interface Sampling {
  clock: Clock
  /** Milliseconds to spend. At least three samples are taken even if they take longer. */
  budget: number
  stop(): boolean
}

const MIN_SAMPLES = 3
const MAX_SAMPLES = 100
const MAX_REPEATS = 1000

/** For each part of a program the milliseconds of each sample. Parts begin at the dispatches `starts`. */
export async function samples(
  engine: Engine,
  program: Program,
  starts: readonly number[],
  { clock, budget, stop }: Sampling,
): Promise<number[][]> {
  // the first run compiles; the second one estimates the duration of a run
  const once = new Timing(engine, program, starts)
  await once.sample()
  const rough = await once.sample()
  const repeats = rough.map((ms) => Math.min(MAX_REPEATS, Math.ceil(MIN_MS[clock] / Math.max(ms, 1e-3))))
  const timing = new Timing(engine, program, starts, repeats)
  await warmUp(engine)
  const taken: number[][] = []
  const end = performance.now() + budget
  while (taken.length < MIN_SAMPLES || (taken.length < MAX_SAMPLES && performance.now() < end)) {
    taken.push(await timing.sample())
    if (stop()) break
  }
  await wasBusy(engine)
  return starts.map((_, part) => taken.map((times) => times[part]))
}
