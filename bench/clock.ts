/** @file How finely the GPU's time can be read, and the sampling of a recorded graph under it. */
import type { Engine } from '../engine/device/engine'
import type { Program } from '../engine/graph/program'
import { Timing } from '../engine/graph/timing'

/** Dawn rounds timestamps to 65.536 us unless told not to; more than this is to be measured at once then. */
const LEAST_MS = { exact: 0.2, rounded: 8, host: 20 } as const
export type Clock = keyof typeof LEAST_MS

export const clockNames: Record<Clock, string> = {
  exact: 'timestamp queries',
  rounded: 'timestamp queries, rounded to 65.536 us by Dawn',
  host: 'the host, round trips included',
}

/** What Dawn must be told for exact timestamps; a misspelt or forbidden switch has no effect, so look at the clock. */
export const TOGGLES = ['disable-dawn-features=timestamp_quantization']

const QUANTUM = 65536

/** Which clock there is, judged by a program of several dispatches that has run before. */
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
  /** Milliseconds to spend; at least three samples are taken whatever they cost. */
  budget: number
  stop(): boolean
}

const LEAST_SAMPLES = 3
const MOST_SAMPLES = 100
const MOST_REPEATS = 1000

/** Milliseconds of each part of a program, sample by sample: parts begin at the dispatches `starts`. */
export async function samples(
  engine: Engine,
  program: Program,
  starts: readonly number[],
  { clock, budget, stop }: Sampling,
): Promise<number[][]> {
  // the first run compiles, the second tells how long a run takes
  const once = new Timing(engine, program, starts)
  await once.sample()
  const rough = await once.sample()
  const repeats = rough.map((ms) => Math.min(MOST_REPEATS, Math.ceil(LEAST_MS[clock] / Math.max(ms, 1e-3))))
  const timing = new Timing(engine, program, starts, repeats)
  const taken: number[][] = []
  const end = performance.now() + budget
  while (taken.length < LEAST_SAMPLES || (taken.length < MOST_SAMPLES && performance.now() < end)) {
    taken.push(await timing.sample())
    if (stop()) break
  }
  return starts.map((_, part) => taken.map((times) => times[part]))
}
