/**
 * @file All that is wanted of a GPU that was never measured, in one file: the fastest kernel variants, which are kept for later commands,
 * all benchmarks with them, and the time of whole runs by kernel. `wgsam bench --card`.
 */
import type { Engine } from '../engine/device/engine'
import { PRECISIONS, type Precision } from '../engine/device/precision'
import { commandLine } from '../src/host/command-line'
import { messageOf } from '../src/host/errors'
import { saveVariants } from '../src/host/kernel-tuning'
import { macroCases } from './macro'
import { withPrecision } from './precisions'
import { type KernelTime, profileMacro } from './profile'
import { type BenchFile, FORMAT, VERSION } from './results'
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

/** A result file with tunings and profiles. `--compare` reads it like any other. */
export interface CardFile extends BenchFile {
  /** What has a target, measured before tuning, by the default kernel variants. */
  byDefault: BenchFile['rows']
  tunings: Partial<Record<Precision, ReturnType<typeof tuningJson>>>
  profiles: { name: string; kernels: KernelTime[]; ms: number | null }[]
}

type Skipped = BenchFile['skipped']

/** Profiles whole runs. One that fails, or needs a download that is missing, is listed as skipped. */
async function profileRuns(
  engine: Engine,
  { stop, onCase }: Pick<BenchHooks, 'stop' | 'onCase'>,
  add: (profile: CardFile['profiles'][number]) => Promise<void> | void,
): Promise<Skipped> {
  const names = PROFILED[engine.software ? 'software' : 'gpu']
  const skipped: Skipped = []
  for (const [i, name] of names.entries()) {
    const one = macroCases.find((known) => known.name === name)
    if (stop() || !one || (one.precision === 'high' && !engine.matrixUnits)) continue
    onCase(i, names.length, `profile of ${name}`)
    try {
      await add({ name, ...(await profileMacro(withPrecision(engine, one.precision), one)) })
    } catch (error) {
      skipped.push({ name: `profile of ${name}`, why: messageOf(error).split('\n')[0] })
      engine.check()
    }
  }
  return skipped
}

/**
 * Measures all that is wanted of a card, the most valuable first, because a time limit may end it between two measurements: what has
 * a target, profiles, the tuning of kernels, then all rows with the tuned ones. A part that fails is listed as skipped, and the
 * others still run.
 * @param save receives the file after each measurement, so that nothing is lost if the process is killed
 * @throws Error if nothing at all could be measured
 */
export async function measureCard(
  open: () => Promise<Engine>,
  tuning: TuneAllOptions,
  options: BenchOptions,
  hooks: BenchHooks,
  save: (file: CardFile) => Promise<void> = async () => {},
): Promise<CardFile> {
  const { stop } = hooks
  const skipped: Skipped = []
  const tunings: CardFile['tunings'] = {}
  const profiles: CardFile['profiles'] = []
  let byDefault: BenchFile['rows'] = []
  let latest: BenchFile | null = null
  let failure: unknown = null
  const current = (): CardFile => {
    const file = latest ?? emptyFile(options)
    const known = new Set(skipped.map(({ name }) => name))
    const others = file.skipped.filter(({ name }) => !known.has(name))
    const rows = file.rows.length ? file.rows : byDefault
    return {
      ...file,
      rows,
      skipped: [...skipped, ...others],
      interrupted: stop() || file.interrupted,
      byDefault,
      tunings,
      profiles,
    }
  }
  const part = async (name: string, run: () => Promise<void>) => {
    if (stop()) return void skipped.push({ name, why: 'the measurement was stopped before' })
    try {
      await run()
    } catch (error) {
      failure = error
      skipped.push({ name, why: messageOf(error).split('\n')[0] })
    }
    await save(current())
  }
  const bench = (over: Partial<BenchOptions>) =>
    runBench(open, { ...options, ...over }, hooks, (file) => {
      latest = file
      return save(current())
    })
  /** Runs on an engine that is opened for it. */
  const on = async (run: (engine: Engine) => Promise<void>) => {
    const engine = await open()
    await run(engine).finally(() => engine.destroy())
  }

  if (!options.quick && !options.filter.length && !options.peers)
    await part('what has a target', async () => {
      byDefault = (await bench({ targets: true })).rows
    })
  await part('profiles', () =>
    on(async (engine) => {
      const add = (profile: CardFile['profiles'][number]) => {
        profiles.push(profile)
        return save(current())
      }
      skipped.push(...(await profileRuns(engine, hooks, add)))
    }),
  )
  await part('tuning', () =>
    on(async (engine) => {
      const found = await tuneAll(engine, tuning)
      if (!found) throw new Error('it was stopped, so the variants stay as they were')
      for (const [precision, one] of Object.entries(found.tunings)) tunings[precision as Precision] = tuningJson(one)
    }),
  )
  await part('all rows', async () => {
    latest = await bench({})
  })
  if (!latest && !profiles.length && !Object.keys(tunings).length && failure) throw failure
  return current()
}

/** The file of a card of which no row was measured. */
const emptyFile = ({ quick, toggles }: BenchOptions): BenchFile => ({
  format: FORMAT,
  version: VERSION,
  date: new Date().toISOString(),
  command: commandLine(),
  hardware: { adapter: 'unknown', driver: 'unknown', versions: '' } as BenchFile['hardware'],
  engine: { products: '', attention: '', toggles: [...toggles], clock: '' },
  quick,
  interrupted: true,
  peaks: null,
  rows: [],
  skipped: [],
})
