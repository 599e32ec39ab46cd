/** @file Profiles a whole run: the total time of each kernel. */
import type { Engine } from '../engine/device/engine'
import { UserError } from '../src/host/errors'
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

type Dispatches = { label: string; groups: number[]; ms: number }[]

/** Sums dispatches by kernel, in descending order of time. */
export function byKernel(dispatches: Dispatches): KernelTime[] {
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

/** Profiles the second run of a case (the first one compiles). @throws UserError if the case is not a single program */
export async function profileMacro(engine: Engine, one: MacroCase): Promise<KernelTime[]> {
  const opened = await one.open(engine)
  try {
    if (!opened.profile)
      throw new UserError(`${one.name} consists of many small programs: profile its encoder and decoder instead`)
    opened.submit?.()
    await opened.finish()
    await warmUp(engine)
    return byKernel(await opened.profile())
  } finally {
    opened.release()
  }
}

export function profileTable(kernels: readonly KernelTime[]): string {
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0)
  const rows = kernels.map(({ label, dispatches, ms, share, longest }) => [
    label,
    String(dispatches),
    ms.toFixed(2),
    `${(100 * share).toFixed(1)} %`,
    `${longest.ms.toFixed(2)} (${longest.groups.join('x')})`,
  ])
  const all = ['all', String(kernels.reduce((sum, { dispatches }) => sum + dispatches, 0)), total.toFixed(2), '', '']
  return columns(['kernel', 'dispatches', 'ms', 'share', 'longest, ms (grid)'], [...rows, all])
}
