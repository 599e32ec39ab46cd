/**
 * @file All that is wanted of a GPU that was never measured, in one file: the fastest kernel variants, which are kept for later commands,
 * all benchmarks with them, and the time of whole runs by kernel. `wgsam bench --card`.
 */
import type { Engine } from '../engine/device/engine'
import { PRECISIONS, type Precision } from '../engine/device/precision'
import { messageOf } from '../src/host/errors'
import { saveVariants } from '../src/host/kernel-tuning'
import { macroCases } from './macro'
import { withPrecision } from './precisions'
import { type KernelTime, profileMacro } from './profile'
import type { BenchFile } from './results'
import { type BenchHooks, type BenchOptions, findClock, runBench } from './run'
import { type Tuning, tune, tuningJson } from './tune'
import type { TuneCases } from './tune-cases'

/** The whole runs that are profiled, on a GPU and on a software adapter. */
const PROFILED = {
  gpu: [
    'step:vit-b-512',
    'step:vit-b-512-high',
    'step:minisam-512',
    'encoder:vit-b-1024',
    'decoder:64-1024',
    'generator:minisam-512',
  ],
  software: ['decoder:16-256'],
}

/** The tuning of each precision that the adapter distinguishes. */
export type Tunings = Partial<Record<Precision, Tuning>>

export interface TuneAllOptions {
  cases: TuneCases
  /** Milliseconds for each variant and shape in each round. */
  budget: number
  filter?: readonly string[]
  stop(): boolean
  onVariant?(what: string): void
  /** Cache folder to save in; that of the program by default. */
  cache?: string
}

/**
 * Tunes the kernels and saves their variants, with matrix units for both precisions, because each has its own. Null if it was stopped:
 * then only what was complete before is saved.
 * @param only tune for this precision alone
 */
export async function tuneAll(
  engine: Engine,
  { cases, cache, ...options }: TuneAllOptions,
  only?: Precision,
): Promise<{ tunings: Tunings; path: string } | null> {
  const clock = await findClock(engine)
  const tunings: Tunings = {}
  let path = ''
  for (const precision of only ? [only] : engine.matrixUnits ? PRECISIONS : [engine.precision]) {
    const at = withPrecision(engine, precision)
    const found = await tune(at, cases, { clock, ...options })
    if (!found) return null
    tunings[precision] = found
    path = await saveVariants(at, found.best, cache)
  }
  return { tunings, path }
}

/** A result file with the tunings that came before, and profiles. `--compare` reads it like any other. */
export interface CardFile extends BenchFile {
  tunings: Partial<Record<Precision, ReturnType<typeof tuningJson>>>
  profiles: { name: string; kernels: KernelTime[]; ms: number | null }[]
}

/** Adds profiles of whole runs to what was measured. A run that fails, or needs a download that is missing, is listed as skipped. */
export async function withProfiles(
  file: BenchFile,
  engine: Engine,
  tunings: Tunings,
  stop: () => boolean,
): Promise<CardFile> {
  const profiles: CardFile['profiles'] = []
  const skipped = [...file.skipped]
  for (const name of PROFILED[engine.software ? 'software' : 'gpu']) {
    const one = macroCases.find((known) => known.name === name)
    if (stop() || !one || (one.precision === 'high' && !engine.matrixUnits)) continue
    try {
      profiles.push({ name, ...(await profileMacro(withPrecision(engine, one.precision), one)) })
    } catch (error) {
      skipped.push({ name: `profile of ${name}`, why: messageOf(error).split('\n')[0] })
      engine.check()
    }
  }
  const all = Object.entries(tunings).map(([precision, found]) => [precision, tuningJson(found)])
  return { ...file, skipped, interrupted: file.interrupted || stop(), tunings: Object.fromEntries(all), profiles }
}

/** Tunes, measures and profiles. Null if it was stopped while tuning. */
export async function measureCard(
  open: () => Promise<Engine>,
  tuning: TuneAllOptions,
  options: BenchOptions,
  hooks: BenchHooks,
): Promise<CardFile | null> {
  const tuner = await open()
  const found = await tuneAll(tuner, tuning)
  tuner.destroy()
  if (!found) return null
  const file = await runBench(open, options, hooks)
  const engine = await open()
  try {
    return await withProfiles(file, engine, found.tunings, hooks.stop)
  } finally {
    engine.destroy()
  }
}
