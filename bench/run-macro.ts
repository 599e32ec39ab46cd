/** @file Repeats a whole run and measures its time, the host's share of it, and its memory. */
import type { Engine } from '../engine/device/engine'
import { timeDispatches } from './dispatch-clock'
import type { BufferLedger } from './macro/buffer-ledger'
import type { MacroCase } from './macro/macro-case'
import { idleShare } from './profile'
import type { MacroRow } from './results'
import { spreadOf } from './statistics'
import { warmUp, wasBusy } from './warm-up'

export interface RepeatOptions {
  /** Milliseconds to spend after the first run. */
  budget: number
  stop(): boolean
}

const MIN_RUNS = 3
const MAX_RUNS = 50
/** If a run takes longer than this, a single run is measured. Milliseconds. */
const SLOW = 60_000

/** @throws Error if the adapter cannot run the case, or it was stopped before the second run */
export async function runMacro(
  engine: Engine,
  ledger: BufferLedger,
  one: MacroCase,
  { budget, stop }: RepeatOptions,
): Promise<MacroRow> {
  // the load has memory of its own, which is not the case's
  await warmUp(engine)
  const before = ledger.live
  ledger.reset()
  const opened = await one.open(engine)
  try {
    const { submit, finish, items, unit, dispatches, plannedBytes } = opened
    const run = async () => {
      const start = performance.now()
      submit?.()
      const submitted = performance.now()
      await finish()
      return { host: submitted - start, ms: performance.now() - start }
    }
    // the first run compiles and allocates; it is not measured
    const first = await run()
    const held = ledger.live - before
    await warmUp(engine)
    const runs: { host: number; ms: number }[] = []
    const end = performance.now() + budget
    const minimum = first.ms > SLOW ? 1 : MIN_RUNS
    while (!stop() && (runs.length < minimum || (runs.length < MAX_RUNS && performance.now() < end)))
      runs.push(await run())
    await wasBusy(engine)
    if (!runs.length) throw new Error('stopped before its second run: the first one compiles')
    const ms = spreadOf(runs.map((r) => r.ms))
    const host = spreadOf(runs.map((r) => r.host))
    // where host and GPU alternate, the share is of the time in which the GPU has nothing to do
    const timed = !submit && !stop() && engine.device.features.has('timestamp-query')
    const gpu = timed ? (await timeDispatches(engine, finish)).reduce((sum, one) => sum + one.ms, 0) : null
    const idle = gpu === null ? null : idleShare(ms.median, gpu)
    return {
      kind: 'macro',
      name: one.name,
      ms,
      host: submit ? host : null,
      hostShare: submit ? host.median / ms.median : idle,
      items,
      unit,
      dispatches,
      plannedBytes,
      peakBytes: ledger.peak - before,
      heldBytes: [held, ledger.live - before],
    }
  } finally {
    opened.release()
  }
}
