/** @file `wgsam bench`: how fast this adapter runs each operation and the whole, against its own peaks, and other files. */
import { resolve } from 'node:path'
import { compare, compareTable, readResults } from '../../bench/compare'
import { firstTimes } from '../../bench/startup'
import { macroCases } from '../../bench/macro'
import { profileMacro, profileTable } from '../../bench/profile'
import { peerProcess } from '../../bench/peers/run'
import { roofline } from '../../bench/roofline'
import { type BenchOptions, chosen, findClock, runBench } from '../../bench/run'
import { TOGGLES } from '../../bench/clock'
import { benchTable } from '../../bench/table'
import { tune, tuningJson, tuningTable } from '../../bench/tune'
import { tuneCases } from '../../bench/tune-cases'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import { saveVariants } from '../host/kernel-tuning'
import type { Command } from '../cli/command'
import { nearest } from '../cli/nearest'
import { flag, number, text, texts, type Values } from '../cli/options'

const open = () => openEngine({ toggles: TOGGLES })

export const command: Command = {
  name: 'bench',
  summary: 'measure this adapter: every operation by shape, whole runs, starts; compare',
  usage: '[--micro] [--macro] [--filter TEXT] [--out FILE] | --compare BEFORE AFTER | --tune | --profile NAME',
  positionals: [0, 2],
  options: {
    micro: { type: 'boolean', description: 'only single operations' },
    macro: { type: 'boolean', description: 'only whole runs: encoder, decoder, generator, training step, starts' },
    filter: { type: 'string', value: 'TEXT', multiple: true, description: 'only what has TEXT in its name' },
    quick: { type: 'boolean', description: 'a small set; what a software adapter gets without --full' },
    full: { type: 'boolean', description: 'everything, on a software adapter too' },
    seconds: {
      type: 'string',
      value: 'N',
      description: 'to spend on an operation, at most (default 0.5); on a run ten times as many',
    },
    out: {
      type: 'string',
      value: 'FILE',
      default: 'bench.json',
      description: 'where the results go, with a roofline (.svg) beside it',
    },
    peers: {
      type: 'boolean',
      description: 'TensorFlow.js and onnxruntime on the same shapes; fetches them (360 MB) the first time',
    },
    compare: { type: 'boolean', description: 'compare two files of results' },
    tune: {
      type: 'boolean',
      description:
        'measure the forms of kernels, of products by class of shapes, and keep the fastest for this adapter, for all commands',
    },
    profile: { type: 'string', value: 'NAME', description: 'a run’s time by kernel' },
    once: {
      type: 'string',
      value: 'NAME',
      description: 'the time from nothing to a run’s first result, in this process',
    },
    peer: {
      type: 'string',
      value: 'NAME',
      description: 'what --peers starts: one of them in this process, its results into the folder --out',
    },
    json: { type: 'boolean', description: 'print the results as JSON' },
  },
  details: `NAME is one of ${macroCases.map(({ name }) => name).join(', ')}.

docs/performance.md says what each row is and how to read it. Ctrl-C ends with what was measured so far.`,
  async run(values, paths) {
    if (flag(values, 'compare')) return compareFiles(paths, flag(values, 'json'))
    if (paths.length) throw new UserError(`"${paths[0]}": only --compare takes files`)
    const [profiled, once] = [text(values, 'profile'), text(values, 'once')]
    if (profiled !== undefined) return profile(profiled, flag(values, 'json'))
    if (once !== undefined) {
      console.log(JSON.stringify(await firstTimes(macroNamed(once), open)))
      return
    }
    if (flag(values, 'tune')) return tuneAdapter(flag(values, 'json'))
    const peer = text(values, 'peer')
    if (peer === undefined) return measure(values)
    const { quick, filter, budget } = await benchOptions(values)
    const report = await peerProcess(peer, text(values, 'out')!, { quick, filter, budget: budget.micro })
    console.log(JSON.stringify(report))
  },
}

async function measure(values: Values): Promise<number> {
  const out = text(values, 'out')!
  if (!out.endsWith('.json')) throw new UserError(`--out takes the name of a .json file, got "${out}"`)
  const picture = out.replace(/\.json$/, '.svg')
  const options = await benchOptions(values)
  const interrupt = interruption(() =>
    console.error('\nstopping after this measurement; press Ctrl-C again to end at once'),
  )
  const progress = new Progress('bench', undefined)
  const file = await runBench(open, options, {
    onCase: (done, total, name) => progress.update(done, name, total),
    stop: () => interrupt.requested,
    log: (line) => console.error(line),
  })
  interrupt.dispose()
  progress.finish(`${file.rows.length} rows`)
  await writeFileAtomic(out, JSON.stringify(file, null, 1) + '\n')
  const drawn = roofline(file)
  if (drawn) await writeFileAtomic(picture, drawn)
  if (flag(values, 'json')) console.log(JSON.stringify(file, null, 1))
  else
    console.log(
      `${benchTable(file)}\n\nresults: ${[out, ...(drawn ? [picture] : [])].map((f) => resolve(f)).join(', ')}`,
    )
  return file.interrupted ? 130 : 0
}

async function benchOptions(values: Values): Promise<BenchOptions> {
  const [micro, macro] = [flag(values, 'micro'), flag(values, 'macro')]
  if (flag(values, 'quick') && flag(values, 'full')) throw new UserError('--quick and --full contradict each other')
  const seconds = number(values, 'seconds', { min: 0.001, max: 3600 }) ?? 0.5
  const filter = texts(values, 'filter')
  const quick = flag(values, 'quick') || (!flag(values, 'full') && (await isSoftware()))
  const peers = flag(values, 'peers')
  const both = micro === macro && !peers
  const choice = { micro: micro || both, macro: macro || both, quick, filter, cli: process.argv[1] }
  if (text(values, 'peer') === undefined && !peers && !Object.values(chosen(choice)).some((list) => list.length))
    throw new UserError(
      `no benchmark has ${filter.map((part) => `"${part}"`).join(' or ')} in its name` +
        (quick && Object.values(chosen({ ...choice, quick: false })).some((list) => list.length)
          ? ' in the small set: add --full'
          : ''),
    )
  return { ...choice, peers, budget: { micro: 1000 * seconds, macro: 10_000 * seconds }, toggles: TOGGLES }
}

async function isSoftware(): Promise<boolean> {
  const engine = await open()
  const { software } = engine
  engine.destroy()
  return software
}

function macroNamed(name: string) {
  const names = macroCases.map((one) => one.name)
  const found = macroCases.find((one) => one.name === name)
  if (found) return found
  const near = nearest(name, names)
  throw new UserError(
    `no run is called "${name}"${near ? `: did you mean ${near}?` : `: there are ${names.join(', ')}`}`,
  )
}

async function profile(name: string, json: boolean): Promise<void> {
  const one = macroNamed(name)
  const kernels = await profileMacro(await open(), one)
  console.log(json ? JSON.stringify(kernels, null, 1) : `${one.about}\n\n${profileTable(kernels)}`)
}

/** Milliseconds for each variant and shape in each round. */
const TUNE_MS = 100

async function tuneAdapter(json: boolean): Promise<number> {
  const engine = await open()
  const interrupt = interruption(() => console.error('\nstopping; nothing is kept'))
  const progress = new Progress('tuning', undefined)
  const clock = await findClock(engine)
  const cases = tuneCases(engine.software)
  let done = 0
  const found = await tune(engine, cases, {
    clock,
    budget: TUNE_MS,
    stop: () => interrupt.requested,
    onVariant: (what) => progress.update(done++, what),
  })
  interrupt.dispose()
  progress.finish()
  const path = found && (await saveVariants(engine, found.best))
  engine.destroy()
  if (!found) return 130
  console.log(
    json
      ? JSON.stringify(tuningJson(found), null, 1)
      : `${tuningTable(found)}\n\nkept in ${path}: all commands use them`,
  )
  return 0
}

async function compareFiles(paths: string[], json: boolean): Promise<void> {
  if (paths.length !== 2) throw new UserError('--compare takes two files: wgsam bench --compare BEFORE.json AFTER.json')
  const [before, after] = await Promise.all(paths.map(readResults))
  console.log(json ? JSON.stringify(compare(before, after), null, 1) : compareTable(before, after))
}
