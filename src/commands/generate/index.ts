/** @file `wgsam generate`: proposes masks of all objects in images; dispatches to its verbs tune and refilter. */
import { resolve } from 'node:path'
import { MaskGenerator } from '../../../engine/generate/generator'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import { defaultBand } from '../../../engine/scale/view'
import { UserError } from '../../host/errors'
import { generateFolder, type FolderOptions, type ImageResult } from '../../generate/generate-folder'
import { chooseGeneratorOptions, type ChosenOptions, generatorFlags, thresholdsOption } from '../options/generator'
import { outputKinds } from '../../project/outputs'
import { runReference } from '../../generate/reference-records'
import { adapterBand } from '../../model/adapter-band'
import { interruption } from '../../host/interrupt'
import { Forecast } from '../../generate/forecast'
import { type Method, methods } from '../../generate/watershed-candidates'
import { describeCalibration } from '../../evaluation/calibrate-generator'
import { logLine, Progress } from '../../host/progress'
import { hardwareOf } from '../../host/hardware'
import type { Command } from '../../cli/command'
import { choice, flag, text, type Values } from '../../cli/options'
import { checkPrompts } from '../../model/check-prompts'
import { itemsOf } from '../../parts/part'
import { diameterOption, pixelSizeOption, readDiameter } from '../options/diameter'
import { modelOptions, type OpenedModel, openChosenModel, withAdapterFolders } from '../options/model'
import { beginPart, partOptions, runDivided, type Work } from '../options/part'
import { selectOptions } from '../options/split'
import { adapterHash } from '../../weights/adapter-hash'
import { models } from '../../weights/model-registry'
import { finishGenerate, keepResult, mergeGenerated, type RunFacts } from './finish'
import { chooseInputs, readingOptions } from './inputs'
import { modelIdentity, readKinds } from './results'

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
    ...partOptions,
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
  wgsam generate micrographs/ --out project --part 2/8     (and the other parts, then --merge)
  wgsam generate refilter project --pred-iou-thresh 0.8
  wgsam generate tune --data particles --split val --adapter runs/first/best --out tuned.json`,
  async run(given, paths) {
    const method = choice(given, 'method', methods)!
    if (method === 'watershed') refuseModel(given)
    const values = withAdapterFolders(given)
    const out = text(values, 'out')
    if (!out) throw new UserError('wgsam generate needs --out DIR, the folder of the results')
    const adapter = text(values, 'adapter') ?? null
    const chosen = await chooseGeneratorOptions(values, adapter)
    const settings = async () => ({
      generator: chosen.options,
      calibration: chosen.calibration?.knots,
      adapterHash: adapter === null ? null : adapterHash(adapter),
    })
    const division = { name: 'generate', usesGpu: true, folder: () => out, lastOptions: ['report', 'again'], settings }
    return runDivided(values, paths, division, (work) => run(values, paths, { out, method, chosen, work }))
  },
}

interface Chosen {
  out: string
  method: Method
  chosen: ChosenOptions
  work: Work
}

async function run(values: Values, paths: string[], { out, method, chosen, work }: Chosen): Promise<number> {
  const { options, thresholds, calibration } = chosen
  const reference = flag(values, 'reference')
  if (reference && text(values, 'diameter') !== undefined)
    throw new UserError('--diameter is not for --reference: Meta’s generator has no such option')
  const diameter = readDiameter(values, options)
  const reading = readingOptions(values)
  const kinds = readKinds(text(values, 'write')!)
  const all = await chooseInputs(values, paths)
  if (reference && method !== 'model') throw new UserError(`--reference is the model's: leave out --method ${method}`)
  const { part, merging, records } = work
  if (merging) return reference ? 0 : mergeGenerated(values, { dir: out, kinds, inputs: all, records: records! })
  const inputs = itemsOf(all, part)
  const opened = method === 'watershed' ? null : await openChosenModel(values)
  const controller = new AbortController()
  const interrupt = interruption(() => {
    console.error('\nstopping; finished images are kept. Press Ctrl-C again to end at once')
    controller.abort(new Error('stopped'))
  })
  try {
    const run = { dir: out, inputs, reading, kinds, signal: controller.signal, method, again: flag(values, 'again') }
    if (!opened) {
      const by = { model: 'watershed', adapter: null, adapterHash: null, size: null }
      const without = { generator: { options, model: null }, scale: { diameter, band: defaultBand }, by }
      return await generate(values, { ...run, ...without }, null, work)
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
      keepLogits: flag(values, 'keep-logits'),
    }
    return await generate(values, folder, opened, work)
  } finally {
    interrupt.dispose()
    opened?.engine.destroy()
  }
}

/** @throws UserError if options choose a model */
function refuseModel(values: Values): void {
  const given = ['model', 'adapter', 'size'].find((name) => values[name] !== undefined)
  if (given) throw new UserError(`--method watershed uses no model: leave out --${given}, or choose --method union`)
}

async function generate(
  values: Values,
  options: FolderOptions,
  opened: OpenedModel | null,
  { part, records }: Work,
): Promise<number> {
  const { dir, inputs, kinds, by, thresholds = '', calibration, method = 'model' } = options
  const facts: RunFacts = {
    by,
    // the commands that follow may be typed in another folder
    model: opened && (Object.hasOwn(models, opened.name) ? opened.name : resolve(opened.name)),
    modelConfig: opened?.modelConfig ?? null,
    method,
    options: options.generator.options,
    thresholds,
    calibrated: calibration !== undefined,
    band: options.scale.band,
    hardware: opened && (await hardwareOf(opened.engine)),
  }
  if (part) await beginPart(records!, part, facts)
  const bar = new Progress('generating', inputs.length, { unit: 'images' })
  const forecast = opened?.engine.software ? new Forecast(inputs.length, gridSide(options.generator.options)) : null
  const began = performance.now()
  const { results, stopped } = await generateFolder({
    ...options,
    onProgress(done, name) {
      bar.update(Math.floor(100 * done) / 100, name)
      const line = done < 1 ? forecast?.update((performance.now() - began) / 1000, done) : null
      if (line) logLine(line)
    },
    ...(part && { onResult: (result: ImageResult) => keepResult(records!, result) }),
  })
  bar.update(results.length)
  bar.finish()
  if (!part) return finishGenerate(values, { dir, kinds, facts, results, stopped })
  for (const { name, outcome, note } of results) if (outcome === 'failed') console.error(`${name}: ${note}`)
  return stopped ? 130 : results.some(({ outcome }) => outcome === 'failed') ? 1 : 0
}

/** The side of the grid of points that a model is prompted with; null if its prompts are no such grid. */
const gridSide = ({ prompts, pointGrids, pointScales, pointsPerSide }: GeneratorOptions): number | null =>
  prompts === 'grid' && !pointGrids && !pointScales.length ? pointsPerSide : null
