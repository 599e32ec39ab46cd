/** @file Profiles a whole run: the total time of each kernel. */
import type { Engine } from '../engine/device/engine'
import { type TimedDispatch, timeDispatches } from './dispatch-clock'
import type { MacroCase } from './macro/macro-case'
import { columns } from './table'
import { warmUp } from './warm-up'

export interface KernelTime {
  /** shader/entry. */
  label: string
  dispatches: number
  ms: number
  /** Fraction of the time of all kernels. */
  share: number
  /** The dispatch that took longest: its grid and its time. */
  longest: { groups: number[]; ms: number }
}

/** The profile of a run. */
export interface MacroProfile {
  kernels: KernelTime[]
  /** Milliseconds of one whole run as users have it, by the host's clock, if host and GPU alternate in it; null for others. */
  ms: number | null
}

/** Sums dispatches by kernel, in descending order of time. */
export function byKernel(dispatches: readonly TimedDispatch[]): KernelTime[] {
  const total = dispatches.reduce((sum, { ms }) => sum + ms, 0)
  const kernels = new Map<string, KernelTime>()
  for (const { label, groups, ms } of dispatches) {
    const kernel = kernels.get(label) ?? { label, dispatches: 0, ms: 0, share: 0, longest: { groups, ms: 0 } }
    kernel.dispatches++
    kernel.ms += ms
    if (ms >= kernel.longest.ms) kernel.longest = { groups, ms }
    kernels.set(label, kernel)
  }
  return [...kernels.values()]
    .map((kernel) => ({ ...kernel, share: total ? kernel.ms / total : 0 }))
    .sort((a, b) => b.ms - a.ms)
}

/**
 * Profiles a run of a case after the first one, which compiles. A case that is a single program is run dispatch by dispatch; of others,
 * such as the generator's, every dispatch of a whole run is timed.
 * @throws UserError if that needs timestamp queries, which the adapter does not have
 */
export async function profileMacro(engine: Engine, one: MacroCase): Promise<MacroProfile> {
  const opened = await one.open(engine)
  try {
    opened.submit?.()
    await opened.finish()
    await warmUp(engine)
    if (opened.profile) return { kernels: byKernel(await opened.profile()), ms: null }
    const start = performance.now()
    await opened.finish()
    const ms = performance.now() - start
    return { kernels: byKernel(await timeDispatches(engine, () => opened.finish())), ms }
  } finally {
    opened.release()
  }
}

/** Fraction of a run's time in which the GPU has nothing to do, because it waits for the host. */
export function idleShare(run: number, gpu: number): number {
  return Math.max(0, 1 - gpu / run)
}

export function profileTable({ kernels, ms: run }: MacroProfile): string {
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0)
  const rows = kernels.map(({ label, dispatches, ms, share, longest }) => [
    label,
    String(dispatches),
    ms.toFixed(2),
    `${(100 * share).toFixed(1)} %`,
    `${longest.ms.toFixed(2)} (${longest.groups.join('x')})`,
  ])
  const all = ['all', String(kernels.reduce((sum, { dispatches }) => sum + dispatches, 0)), total.toFixed(2), '', '']
  const table = columns(['kernel', 'dispatches', 'ms', 'share', 'longest, ms (grid)'], [...rows, all])
  if (run === null) return table
  const idle = `${(100 * idleShare(run, total)).toFixed(0)} %`
  return `${table}\n\na run takes ${run.toFixed(1)} ms, and its kernels ${total.toFixed(1)} ms: for ${idle} of the time the GPU waits for the host`
}
