/** @file Runs the chosen benchmarks one after the other and collects the results. */
import type { Engine } from '../engine/device/engine'
import { matmulVariantsText } from '../engine/device/kernel-variants'
import { commandLine } from '../src/host/command-line'
import { hardwareOf } from '../src/host/hardware'
import { type MicroCase, Workbench } from './micro-case'
import { type Clock, clockNames, clockOf } from './clock'
import { startupRows } from './startup'
import { type HostCase, hostCases } from './host/filter'
import { macroCases } from './macro'
import { BufferLedger } from './macro/buffer-ledger'
import type { MacroCase } from './macro/macro-case'
import { microCases } from './ops'
import { matrixPeak, peakCases, type PeakName, peakNames } from './peaks'
import { runPeers } from './peers/run'
import { withPrecision } from './precisions'
import { type BenchFile, FORMAT, type Peaks, type ResultRow, VERSION } from './results'
import { runMacro } from './run-macro'
import { type Roof, runMicro } from './run-micro'
import { spreadOf } from './statistics'
import { isTargetCase } from './targets'
import { messageOf, UserError } from '../src/host/errors'

export interface BenchOptions {
  micro: boolean
  macro: boolean
  /** Whether to compare with other libraries on the same adapter, which are downloaded for this. */
  peers: boolean
  /** Only what the targets of docs/performance.md are about: see targets.ts. */
  targets?: boolean
  /** Only the small set for slow adapters. */
  quick: boolean
  /** Parts of names, one of which a case must contain; empty for all cases. */
  filter: readonly string[]
  /** Milliseconds to spend on an operation, and on a whole run. */
  budget: { micro: number; macro: number }
  toggles: readonly string[]
  /** Path of this program, for measurements in separate processes; null to omit those. */
  cli: string | null
}

export interface BenchHooks {
  /** Called before each measurement, with its name; `done` of `total` are finished. */
  onCase(done: number, total: number, name: string): void
  stop(): boolean
  log(line: string): void
}

interface ChosenCases {
  micro: MicroCase[]
  macro: MacroCase[]
  startup: MacroCase[]
  host: HostCase[]
}

/** The cases whose startup time is measured. */
const STARTS = ['encoder:minisam-1024', 'step:minisam-512', 'step:vit-b-512', 'step:minisam-256']

export function chooseCases({
  micro,
  macro,
  quick,
  filter,
  cli,
  targets = false,
}: Omit<BenchOptions, 'budget' | 'toggles' | 'peers'>): ChosenCases {
  if (targets) {
    const named = <T extends { name: string }>(cases: readonly T[]) => cases.filter(({ name }) => isTargetCase(name))
    return { micro: named(microCases), macro: named(macroCases), startup: [], host: [] }
  }
  const wanted = (name: string) =>
    !filter.length || filter.some((part) => name.toLowerCase().includes(part.toLowerCase()))
  const pick = <T extends { name: string; quick: boolean }>(on: boolean, cases: readonly T[]) =>
    on ? cases.filter((one) => (one.quick || !quick) && wanted(one.name)) : []
  const starts = macroCases.filter(({ name }) => STARTS.includes(name))
  return {
    micro: pick(micro, microCases),
    macro: pick(macro, macroCases),
    startup: cli ? pick(macro, starts) : [],
    host: pick(macro, hostCases),
  }
}

/**
 * Runs the chosen benchmarks. A case that fails is listed as skipped.
 * @param open opens a new engine, also when the device of the previous one was lost
 * @param save receives what is measured so far after each measurement
 */
export async function runBench(
  open: () => Promise<Engine>,
  options: BenchOptions,
  hooks: BenchHooks,
  save: (file: BenchFile) => Promise<void> = async () => {},
): Promise<BenchFile> {
  let engine = await open()
  let ledger = new BufferLedger(engine.device)
  const cases = chooseCases(options)
  const [rows, skipped]: [ResultRow[], BenchFile['skipped']] = [[], []]
  if (!engine.matrixUnits) leaveOutPrecisions(cases, skipped)
  const total = Object.values(cases).reduce((sum, list) => sum + list.length, cases.micro.length ? 1 : 0)
  let done = 0
  let stopped = false
  const { stop } = hooks
  const { budget } = options
  let clock: Clock = 'host'
  let peaks: BenchFile['peaks'] = null
  const hardware = await hardwareOf(engine)
  const { precision, variants } = engine
  const kernels = { products: matmulVariantsText(variants.matmul), attention: variants.attention, precision }
  const fileNow = (): BenchFile => ({
    format: FORMAT,
    version: VERSION,
    date: new Date().toISOString(),
    command: commandLine(),
    hardware,
    engine: { ...kernels, toggles: [...options.toggles], clock: clockNames[clock] },
    quick: options.quick,
    interrupted: stopped,
    peaks,
    rows,
    skipped,
  })

  /** Runs one measurement. If it fails, it is listed as skipped, and the next ones still run. */
  const measure = async (name: string, run: () => Promise<ResultRow[]> | ResultRow[]) => {
    stopped ||= stop()
    if (stopped) return
    hooks.onCase(done++, total, name)
    try {
      rows.push(...(await run()))
    } catch (error) {
      stopped ||= stop()
      if (!stopped) skipped.push({ name, why: messageOf(error).split('\n')[0] })
      try {
        engine.check()
      } catch {
        engine.destroy()
        engine = await open()
        ledger = new BufferLedger(engine.device)
      }
    }
    stopped ||= stop()
    await save(fileNow())
  }

  if (cases.micro.length) {
    clock = await findClock(engine)
    const best: Record<PeakName, number> = { copy: 0, multiplyAdd: 0, gemm: 0 }
    let matrix = 0
    await measure('peaks', async () => {
      const candidates = peakCases(options.quick, engine.maxBinding)
      const found: ResultRow[] = []
      for (const name of peakNames)
        for (const one of candidates[name]) {
          const [row] = await runMicro(engine, one, { clock, budget: budget.micro, stop }, null, 'peak')
          // a peak is the best rate measured, not the median
          const rate = (name === 'copy' ? row.bytes : row.flops) / row.ms.least / 1e6
          best[name] = Math.max(best[name], rate)
          found.push(row)
        }
      if (engine.matrixUnits) {
        const [row] = await runMicro(engine, matrixPeak, { clock, budget: budget.micro, stop }, null, 'peak')
        matrix = row.flops / row.ms.least / 1e6
        found.push(row)
      }
      return found
    })
    if (Object.values(best).every((rate) => rate > 0)) peaks = { ...best, ...(matrix && { matrix }) }
  }
  for (const one of cases.micro)
    await measure(one.name, () => {
      const at = withPrecision(engine, one.precision)
      return runMicro(at, one, { clock, budget: budget.micro, stop }, peaks && roofOf(at, peaks))
    })
  for (const one of cases.macro)
    await measure(one.name, async () => [
      await runMacro(withPrecision(engine, one.precision), ledger, one, { budget: budget.macro, stop }),
    ])
  for (const { name } of cases.startup) await measure(`start of ${name}`, () => startupRows(options.cli!, name))
  for (const one of cases.host) await measure(one.name, () => [hostRow(one, budget.micro)])
  if (options.peers && options.cli && !stopped) {
    const { quick, filter, cli } = options
    const known = rows.filter((row) => row.kind === 'macro')
    try {
      const found = await runPeers(engine, { quick, filter, budget: budget.micro, cli }, known, hooks)
      rows.push(...found.rows)
      skipped.push(...found.skipped)
    } catch (error) {
      // what was measured before is kept
      if (!rows.length || !(error instanceof UserError)) throw error
      skipped.push({ name: 'peers', why: error.message })
    }
    stopped ||= stop()
  }

  if (total) hooks.onCase(done, total, '')
  engine.destroy()
  return fileNow()
}

/** Without matrix units the cases of a precision of their own would only repeat others. */
function leaveOutPrecisions(cases: ChosenCases, skipped: BenchFile['skipped']): void {
  const all = cases.micro.length + cases.macro.length
  cases.micro = cases.micro.filter(({ precision }) => !precision)
  cases.macro = cases.macro.filter(({ precision }) => !precision)
  const left = all - cases.micro.length - cases.macro.length
  if (left)
    skipped.push({ name: `${left} cases in precision high`, why: 'without matrix units both precisions are f32' })
}

/** The roof of an engine: matrix units raise that of arithmetic; at f32 accuracy a product takes three of theirs. */
function roofOf({ matrixUnits, precision }: Engine, { copy, multiplyAdd, matrix = 0 }: Peaks): Roof {
  const units = matrixUnits ? matrix / (precision === 'high' ? 1 : 3) : 0
  return { copy, multiplyAdd: Math.max(multiplyAdd, units) }
}

/** Determines the clock of an engine with a few short kernels. */
export async function findClock(engine: Engine): Promise<Clock> {
  const bench = new Workbench(engine)
  microCases.find(({ quick, name }) => quick && name.startsWith('layernorm'))!.record(bench)
  const program = await bench.g.compile()
  program.run()
  await engine.idle()
  const clock = await clockOf(engine, program)
  program.destroy()
  bench.release()
  return clock
}

const HOST_RUNS = { min: 5, max: 200 }

function hostRow({ name, prepare }: HostCase, budget: number): ResultRow {
  const work = prepare()
  work()
  const times: number[] = []
  const end = performance.now() + budget
  while (times.length < HOST_RUNS.min || (times.length < HOST_RUNS.max && performance.now() < end)) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
  }
  return { kind: 'host', name, ms: spreadOf(times) }
}
