/** @file Runs one whole again and again: its time, the host's share of it, and the bytes that it holds. */
import type { Engine } from '../engine/device/engine'
import type { Ledger } from './macro/buffer-ledger'
import type { MacroCase } from './macro/macro-case'
import type { MacroRow } from './results'
import { spreadOf } from './statistics'

export interface Repeating {
  /** Milliseconds to spend after the first run. */
  budget: number
  stop(): boolean
}

const LEAST_RUNS = 3
const MOST_RUNS = 50
/** Of what takes longer than this, one run must do. Milliseconds. */
const SLOW = 60_000

/** Throws where the adapter cannot do it. */
export async function runMacro(
  engine: Engine,
  ledger: Ledger,
  one: MacroCase,
  { budget, stop }: Repeating,
): Promise<MacroRow> {
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
    // compiles, and what the first run makes once is there
    const first = await run()
    const held = ledger.live - before
    const runs: { host: number; ms: number }[] = []
    const end = performance.now() + budget
    const least = first.ms > SLOW ? 1 : LEAST_RUNS
    while (!stop() && (runs.length < least || (runs.length < MOST_RUNS && performance.now() < end)))
      runs.push(await run())
    if (!runs.length) throw new Error('stopped before its second run: the first one compiles')
    const ms = spreadOf(runs.map((r) => r.ms))
    const host = spreadOf(runs.map((r) => r.host))
    return {
      kind: 'macro',
      name: one.name,
      ms,
      host: submit ? host : null,
      hostShare: submit ? host.median / ms.median : null,
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
