/** @file `wgsam generate`: proposes masks of all objects in images; dispatches to its verbs tune and refilter. */
import { join, resolve } from 'node:path'
import { MaskGenerator } from '../../../engine/generate/generator'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import { defaultBand } from '../../../engine/scale/view'
import { UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { generateFolder, type FolderOptions, type ImageResult, type ImageScores } from '../../generate/generate-folder'
import { chooseGeneratorOptions, generatorFlags, thresholdsOption } from '../options/generator'
import { outputKinds } from '../../project/outputs'
import { runReference } from '../../generate/reference-records'
import { renderGenerateReport } from '../../generate/generator-report'
import { countAndSizeErrors } from '../../evaluation/d50-error'
import { poolScores } from '../../evaluation/detection'
import { adapterBand } from '../../model/adapter-band'
import { describeBand, describeView } from '../../model/describe-view'
import { commandLine } from '../../host/command-line'
import { interruption } from '../../host/interrupt'
import { Forecast } from '../../generate/forecast'
import { fewMasks } from '../../generate/few-masks'
import { LOOSER } from '../../generate/looser-thresholds'
import { methods } from '../../generate/watershed-candidates'
import { describeCalibration } from '../../evaluation/calibrate-generator'
import { duration, logLine, Progress } from '../../host/progress'
import { hardwareOf } from '../../host/hardware'
import type { Command } from '../../cli/command'
import { commandText, refilterCommand, reviewCommand } from '../../cli/next-command'
import { choice, flag, text, type Values } from '../../cli/options'
import { checkPrompts } from '../../model/check-prompts'
import { diameterOption, pixelSizeOption, readDiameter } from '../options/diameter'
import { modelOptions, type OpenedModel, openChosenModel, withAdapterFolders } from '../options/model'
import { selectOptions } from '../options/split'
import { chooseInputs, readingOptions } from './inputs'
import { models } from '../../weights/model-registry'
import { count } from '../../text/count'
import { modelIdentity, errorLine, readKinds, type PooledScores, scoreLines, writeCombinedFiles } from './results'

export const command: Command = {
  name: 'generate',
  summary: 'propose masks of all objects in images: the first step towards labels, counts and sizes',
  usage: 'IMAGE|DIR ... --out DIR [--adapter DIR] [options]   or   tune | refilter',
  positionals: [0, 100_000],
  verbs: {
    tune: () => import('./tune'),
    refilter: () => import('./refilter'),
  },
  options: {
    out: { type: 'string', value: 'DIR', description: 'folder of the results, a project that `wgsam review` opens' },
    ...modelOptions,
    method: {
      type: 'string',
      value: 'METHOD',
      default: 'model',
      description:
        'what proposes masks: model; watershed (Otsu’s threshold and a watershed, in seconds and without a model, for separate ' +
        'particles that are brighter or darker than the rest); union, which adds what the watershed finds where the model finds nothing',
    },
    ...diameterOption,
    write: {
      type: 'string',
      value: 'KINDS',
      default: 'labels,overlay,csv,coco',
      description: `files to write besides the proposals: ${outputKinds.join(', ')}, or none`,
    },
    report: { type: 'boolean', description: 'also write report.html with scores, filter counts and pictures' },
    'keep-logits': {
      type: 'boolean',
      description:
        'also write the logits of the candidates, so that refilter can change --mask-threshold (megabytes per image)',
    },
    again: { type: 'boolean', description: 'process images again that are already done' },
    page: { type: 'string', value: 'N', description: 'page of multi-page files, counted from 1, or all (default 1)' },
    'crop-bottom': {
      type: 'string',
      value: 'ROWS',
      default: 'auto',
      description: 'rows of the info bar to cut off at the bottom: a number, auto (detect it) or none',
    },
    ...pixelSizeOption,
    ...selectOptions,
    thresholds: thresholdsOption,
    reference: {
      type: 'boolean',
      description:
        'write to records/NAME.json exactly what the generator of Meta’s segment-anything returns, and nothing else; ' +
        'accepts only the options of that generator',
    },
    ...generatorFlags,
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Writes into --out: images/ (info bar cut off), proposals/, candidates/, labels/ (16-bit label maps; where masks
overlap, the smaller one covers the larger one), overlays/, annotations.json (COCO, RLE), particles.csv. Run again, it skips
images that are done; if only thresholds differ, it filters the saved candidates again without the model. Images whose masks
were reviewed are not changed. With --data, the masks of labelled images are also scored against the labels.
docs/generator.md explains every option.

  wgsam generate micrographs/ --out project
  wgsam generate micrographs/ --method union --out project
  wgsam generate --data particles --split test --adapter runs/first/best --thresholds tuned.json --out scored --report
  wgsam generate refilter project --pred-iou-thresh 0.8
  wgsam generate tune --data particles --split val --adapter runs/first/best --out tuned.json`,
  async run(given, paths) {
    const method = choice(given, 'method', methods)!
    if (method === 'watershed') refuseModel(given)
    const values = withAdapterFolders(given)
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam generate needs --out DIR, the folder of the results')
    const { options, thresholds, calibration } = await chooseGeneratorOptions(values, text(values, 'adapter') ?? null)
    const reference = flag(values, 'reference')
    if (reference && text(values, 'diameter') !== undefined)
      throw new UserError('--diameter is not for --reference: Meta’s generator has no such option')
    const diameter = readDiameter(values, options)
    const reading = readingOptions(values)
    const kinds = readKinds(text(values, 'write')!)
    const inputs = await chooseInputs(values, paths)
    if (reference && method !== 'model') throw new UserError(`--reference is the model's: leave out --method ${method}`)
    const opened = method === 'watershed' ? null : await openChosenModel(values)
    const controller = new AbortController()
    const interrupt = interruption(() => {
      console.error('\nstopping; finished images are kept. Press Ctrl-C again to end at once')
      controller.abort(new Error('stopped'))
    })
    try {
      const run = { dir: out, inputs, reading, kinds, signal: controller.signal, method }
      if (!opened) {
        const by = { model: 'watershed', adapter: null, adapterHash: null, size: null }
        const without = { generator: { options, model: null }, scale: { diameter, band: defaultBand }, by }
        return await generate(values, { ...run, ...without, again: flag(values, 'again') }, null)
      }
      if (reference) options.prompts = 'grid'
      checkPrompts(opened.model, options, opened.adapter?.path ?? opened.name)
      const generator = await MaskGenerator.create(opened.model, options)
      const scale = { diameter, band: await adapterBand(opened.adapter?.path ?? null, opened.model) }
      const by = modelIdentity(opened)
      if (reference) return await runReference({ ...run, generator, scale, by })
      logLine(`thresholds: ${thresholds}`)
      if (calibration) logLine(describeCalibration(calibration))
      const folder = {
        ...run,
        ...{ generator, scale, by },
        thresholds,
        calibration: calibration?.knots,
        again: flag(values, 'again'),
        keepLogits: flag(values, 'keep-logits'),
      }
      return await generate(values, folder, opened)
    } finally {
      interrupt.dispose()
      opened?.engine.destroy()
    }
  },
}

/** @throws UserError if options choose a model */
function refuseModel(values: Values): void {
  const given = ['model', 'adapter', 'size'].find((name) => values[name] !== undefined)
  if (given) throw new UserError(`--method watershed uses no model: leave out --${given}, or choose --method union`)
}

async function generate(values: Values, options: FolderOptions, opened: OpenedModel | null): Promise<number> {
  const { dir, inputs, kinds, by, thresholds = '', calibration, method = 'model' } = options
  const bar = new Progress('generating', inputs.length, { unit: 'images' })
  const forecast = opened?.engine.software ? new Forecast(inputs.length, gridSide(options.generator.options)) : null
  const began = performance.now()
  const { results, stopped } = await generateFolder({
    ...options,
    onProgress(done, name) {
      bar.update(Math.floor(10 * done) / 10, name)
      const line = done < 1 ? forecast?.update((performance.now() - began) / 1000, done) : null
      if (line) logLine(line)
    },
  })
  bar.update(results.length)
  bar.finish()
  await writeCombinedFiles(dir, kinds)
  const scores = results.flatMap(({ scores }) => scores ?? [])
  const pooled = scores.length ? { ...poolScores(scores), ...countAndSizeErrors(scores) } : null
  const hardware = opened && (await hardwareOf(opened.engine))
  const summary = {
    ...by,
    // the commands that follow may be typed in another folder
    model: opened && (Object.hasOwn(models, opened.name) ? opened.name : resolve(opened.name)),
    modelConfig: opened?.modelConfig ?? null,
    method,
    options: options.generator.options,
    /** Where the thresholds come from, as text. */
    thresholds,
    stopped,
    images: results.map(({ name, outcome, file, scores, note }) => ({
      name,
      outcome,
      note,
      masks: file?.records.length ?? null,
      prompts: file?.prompts ?? null,
      seconds: file?.seconds ?? null,
      view: file?.generator.view ?? null,
      removed: file?.removed ?? null,
      scores: scores && withoutDiameters(scores),
    })),
    scores: pooled,
    hardware,
    command: commandLine(),
  }
  await writeFileAtomic(join(dir, 'generate.json'), JSON.stringify(summary, null, 1) + '\n')
  const reportPath = join(dir, 'report.html')
  if (flag(values, 'report')) {
    const facts: [string, string][] = [
      [
        'Method',
        {
          model: 'the model',
          watershed: 'Otsu’s threshold and a watershed, without a model',
          union: 'the model, and a watershed where it finds nothing',
        }[method],
      ],
    ]
    if (opened)
      facts.push(
        ['Model', `${by.model}, input ${by.size} × ${by.size}${by.adapter ? `, adapter ${by.adapter}` : ''}`],
        ['Prompts', promptText(options.generator.options)],
        ['Thresholds', thresholds],
        ['Predicted IoU', calibration ? 'as predicted, and calibrated on validation images' : 'as predicted'],
        ['Particles', describeBand(options.scale.band)],
      )
    const report = await renderGenerateReport({ dir, results, facts, hardware, command: summary.command })
    await writeFileAtomic(reportPath, report)
  }
  if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
  else {
    print(results, pooled, dir, flag(values, 'report') ? reportPath : null)
    for (const line of adviceLines(results, options, opened)) console.log(line)
    // a project without an image has nothing to review
    if (results.some(({ file }) => file)) console.log(`next: ${commandText(reviewCommand(dir, { open: true }))}`)
  }
  if (stopped) return 130
  return results.some(({ outcome }) => outcome === 'failed') ? 1 : 0
}

/** The numbers of particles are large, and their sizes are in particles.csv. */
const withoutDiameters = ({ diameters: _, ...scores }: ImageScores) => scores

function print(results: readonly ImageResult[], pooled: PooledScores | null, dir: string, report: string | null): void {
  for (const { name, outcome, file, note } of results) {
    const done = file
      ? `${count(file.records.length, 'mask')} of ${file.masks} found${file.prompts ? ` from ${count(file.prompts, 'prompt')}` : ''}, ${duration(file.seconds)}`
      : ''
    const view = file?.generator.view ? describeView(file.generator.view) : ''
    const rest = [outcome === 'done' ? '' : outcome, note ?? ''].filter(Boolean).join(': ')
    const line = [done, view, rest].filter(Boolean).join('; ')
    if (outcome === 'failed') console.error(`${name}: ${note}`)
    else console.log(`${name}: ${line}`)
  }
  if (pooled) console.log(`\n${scoreLines(pooled)}\n${errorLine(pooled)}`)
  console.log(`\nresults: ${resolve(dir)}${report ? `\nreport: ${resolve(report)}` : ''}`)
}

/** What to try if few masks were found. */
function adviceLines(
  results: readonly ImageResult[],
  { dir, generator, method = 'model' }: FolderOptions,
  opened: OpenedModel | null,
): string[] {
  const advice = fewMasks(results, generator.options)
  if (!advice) return []
  const lines = ['', advice.line]
  if (advice.looser)
    lines.push(
      `at once, and without the model: ${commandText(refilterCommand(dir, LOOSER))}, or the sliders in the review`,
    )
  if (method === 'model' && !opened?.adapter)
    lines.push(
      `where a model without an adapter finds little, add what a watershed finds: ${commandLine()} --method union`,
    )
  return lines
}

/** The side of the grid of points that a model is prompted with; null if its prompts are no such grid. */
const gridSide = ({ prompts, pointGrids, pointScales, pointsPerSide }: GeneratorOptions): number | null =>
  prompts === 'grid' && !pointGrids && !pointScales.length ? pointsPerSide : null

const promptText = ({ prompts, pointGrids, pointsPerSide, pointScales }: GeneratorOptions): string =>
  prompts === 'learned'
    ? 'learned: a point and a box for each particle that the prompt head sees'
    : pointGrids
      ? 'explicit points'
      : [pointsPerSide, ...pointScales].map((side) => `${side} × ${side} points`).join(' and ')
