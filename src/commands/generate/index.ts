/** @file `wgsam generate`: masks of everything in images, proposed by the model; and its verbs tune and refilter. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createHash } from 'node:crypto'
import { MaskGenerator } from '../../../engine/generate/generator'
import { loadItem } from '../../dataset/dataset'
import { type MicrographOptions, parsePixelSize } from '../../images/micrograph'
import { UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { generateFolder, type FolderOptions, type ImageResult } from '../../generate/generate-folder'
import { generatorFlags, generatorOptions } from '../options/generator'
import { everyPage, listInputs } from '../../project/input-images'
import { type OutputKind, outputKinds, writeCoco, writeCsv } from '../../project/outputs'
import { proposedNames, readProposals } from '../../project/files'
import { runReference } from '../../generate/reference-records'
import { renderGenerateReport } from '../../generate/generator-report'
import { type MaskScores, poolScores } from '../../evaluation/detection'
import { commandLine, quote } from '../../host/command-line'
import { interruption } from '../../host/interrupt'
import { duration, Progress } from '../../host/progress'
import { hardwareOf } from '../../host/hardware'
import { percent } from '../../report/evaluation-table'
import { type Command, flag, text, texts, type Values } from '../../cli/command'
import { modelOptions, type OpenedModel, openChosenModel } from '../options/model'
import { select, selectOptions } from '../options/split'

export const command: Command = {
  name: 'generate',
  summary: 'propose masks of everything in images: the first step towards labels, counts and sizes',
  usage: 'IMAGE|DIR ... --out DIR [--adapter DIR] [options]   or   tune | refilter',
  positionals: [0, 100_000],
  verbs: {
    tune: () => import('./tune'),
    refilter: () => import('./refilter'),
  },
  options: {
    out: { type: 'string', value: 'DIR', description: 'folder of the results: a project for `wgsam review`' },
    ...modelOptions,
    write: {
      type: 'string',
      value: 'KINDS',
      default: 'labels,overlay,csv,coco',
      description: `what to write besides the proposals, of ${outputKinds.join(', ')}`,
    },
    report: { type: 'boolean', description: 'write report.html too: scores, filters, pictures' },
    'keep-logits': {
      type: 'boolean',
      description: 'write the candidates’ logits too, so that refilter can move --mask-threshold (megabytes an image)',
    },
    again: { type: 'boolean', description: 'do again what is done already' },
    page: { type: 'string', value: 'N', description: 'page of multi-page files, from 1, or all (default 1)' },
    'crop-bottom': {
      type: 'string',
      value: 'ROWS',
      default: 'auto',
      description: 'rows of info bar to cut off: a number, auto (looked for) or none',
    },
    'pixel-size': {
      type: 'string',
      value: 'LENGTH',
      description: 'of one pixel, e.g. 12nm; default: what the file says',
    },
    ...selectOptions,
    thresholds: { type: 'string', value: 'FILE', description: 'thresholds that `wgsam generate tune` has found' },
    reference: {
      type: 'boolean',
      description: 'exactly what the reference’s generator returns, as records/NAME.json; its options only',
    },
    ...generatorFlags,
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Writes into --out: images/ (info bar cut off), proposals/, candidates/, labels/ (16-bit label maps, where masks
overlap the smaller is on top), overlays/, annotations.json (COCO, RLE), particles.csv. Run again, it skips what is done; where
only thresholds differ it filters anew without the model. Images whose masks were reviewed are left alone. With --data, labelled
images are taken and the masks scored. docs/generator.md explains every option.

  wgsam generate micrographs/ --out project
  wgsam generate --data particles --split test --adapter runs/first/best --thresholds tuned.json --out scored --report
  wgsam generate refilter project --pred-iou-thresh 0.8
  wgsam generate tune --data particles --split val --adapter runs/first/best --out tuned.json`,
  async run(values, paths) {
    const out = text(values, 'out')
    if (!out) throw new UserError('where to? --out DIR names the folder of the results')
    const options = await generatorOptions(values)
    const reading = readingOptions(values)
    const kinds = readKinds(text(values, 'write')!)
    const inputs = await chooseInputs(values, paths)
    const opened = await openChosenModel(values)
    const controller = new AbortController()
    const asked = interruption(() => {
      console.error('\nstopping; what is done is kept. Press Ctrl-C again to end at once')
      controller.abort(new Error('stopped'))
    })
    try {
      const generator = await MaskGenerator.create(opened.model, options)
      const run = { generator, by: describeModel(opened), dir: out, inputs, reading, kinds, signal: controller.signal }
      if (flag(values, 'reference')) return await runReference(run)
      return await generate(
        values,
        { ...run, again: flag(values, 'again'), keepLogits: flag(values, 'keep-logits') },
        opened,
      )
    } finally {
      asked.dispose()
      opened.engine.destroy()
    }
  },
}

/** Images of a dataset with their labels, or files and folders. */
export async function chooseInputs(values: Values, paths: readonly string[]): Promise<FolderOptions['inputs']> {
  if (!texts(values, 'data').length) {
    if (!paths.length) throw new UserError('which images? Name files or folders, or labelled images with --data DIR')
    const inputs = await listInputs(paths)
    return text(values, 'page') === 'all' ? everyPage(inputs) : inputs
  }
  if (paths.length) throw new UserError('--data names the images: leave out the files and folders')
  const { items } = await select(values)
  return items.map((item) => ({
    path: item.imagePath,
    name: item.id.replaceAll('/', '-'),
    truth: async () => {
      const { width, height, labels } = await loadItem(item)
      return { width, height, data: labels }
    },
  }))
}

export function readingOptions(values: Values): MicrographOptions {
  const labelled = texts(values, 'data').length > 0
  // labels are of the whole picture
  const typed = text(values, 'crop-bottom') ?? 'auto'
  const crop = typed === 'auto' ? (labelled ? 'none' : 'auto') : typed === 'none' ? typed : Number(typed)
  if (typeof crop === 'number' && !(Number.isInteger(crop) && crop >= 0))
    throw new UserError(`--crop-bottom takes a number of rows, auto or none, not "${typed}"`)
  const pages = text(values, 'page') ?? '1'
  const page = pages === 'all' ? 1 : Number(pages)
  if (!(Number.isInteger(page) && page >= 1))
    throw new UserError(`--page takes a whole number from 1, or all, not "${pages}"`)
  const pixelSize = text(values, 'pixel-size')
  return { crop, page: page - 1, ...(pixelSize !== undefined && { pixelSize: parsePixelSize(pixelSize) }) }
}

export function readKinds(typed: string): ReadonlySet<OutputKind> {
  const kinds = typed.split(',').map((kind) => kind.trim())
  const unknown = kinds.find((kind) => kind && kind !== 'none' && !outputKinds.includes(kind as OutputKind))
  if (unknown) throw new UserError(`--write takes ${outputKinds.join(', ')} or none, not "${unknown}"`)
  return new Set(kinds.filter((kind) => kind && kind !== 'none') as OutputKind[])
}

/** The adapter by its content: a path may hold another one tomorrow. */
export function describeModel({ name, size, adapter }: OpenedModel): FolderOptions['by'] {
  if (!adapter) return { model: name, adapter: null, adapterHash: null, size }
  const path = resolve(adapter.path)
  const hash = createHash('sha256')
  for (const file of readdirSync(path).sort())
    if (file.startsWith('adapter_')) hash.update(readFileSync(join(path, file)))
  return { model: name, adapter: path, adapterHash: hash.digest('hex'), size }
}

async function generate(values: Values, options: FolderOptions, { engine }: OpenedModel): Promise<number> {
  const { dir, inputs, kinds, by } = options
  const bar = new Progress('generating', inputs.length, { unit: 'images' })
  const { results, stopped } = await generateFolder({
    ...options,
    onProgress: (done, name) => bar.update(Math.floor(10 * done) / 10, name),
  })
  bar.update(results.length)
  bar.finish()
  await writeTogether(dir, kinds)
  const scores = results.flatMap(({ scores }) => scores ?? [])
  const pooled = scores.length ? poolScores(scores) : null
  const hardware = await hardwareOf(engine)
  const summary = {
    ...by,
    options: options.generator.options,
    stopped,
    images: results.map(({ name, outcome, file, scores, note }) => ({
      name,
      outcome,
      note,
      masks: file?.records.length ?? null,
      seconds: file?.seconds ?? null,
      removed: file?.removed ?? null,
      scores,
    })),
    scores: pooled,
    hardware,
    command: commandLine(),
  }
  await writeFileAtomic(join(dir, 'generate.json'), JSON.stringify(summary, null, 1) + '\n')
  const reportPath = join(dir, 'report.html')
  if (flag(values, 'report')) {
    const facts: [string, string][] = [
      ['Model', `${by.model}, input ${by.size} × ${by.size}${by.adapter ? `, adapter ${by.adapter}` : ''}`],
      ['Points', `${options.generator.options.pointsPerSide} × ${options.generator.options.pointsPerSide}`],
    ]
    const report = await renderGenerateReport({ dir, results, facts, hardware, command: summary.command })
    await writeFileAtomic(reportPath, report)
  }
  if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
  else print(results, pooled, dir, flag(values, 'report') ? reportPath : null)
  if (stopped) return 130
  return results.some(({ outcome }) => outcome === 'failed') ? 1 : 0
}

/** The files that hold all images of a project. */
export async function writeTogether(dir: string, kinds: ReadonlySet<OutputKind>): Promise<void> {
  if (!kinds.has('coco') && !kinds.has('csv')) return
  const files = []
  for (const name of await proposedNames(dir)) files.push(await readProposals(dir, name))
  if (kinds.has('coco')) await writeCoco(dir, files)
  if (kinds.has('csv')) await writeCsv(dir, files)
}

function print(results: readonly ImageResult[], pooled: MaskScores | null, dir: string, report: string | null): void {
  for (const { name, outcome, file, note } of results) {
    const what = file ? `${file.records.length} masks of ${file.masks} seen, ${duration(file.seconds)}` : ''
    const rest = [outcome === 'done' ? '' : outcome, note ?? ''].filter(Boolean).join(': ')
    const line = [what, rest].filter(Boolean).join('; ')
    if (outcome === 'failed') console.error(`${name}: ${note}`)
    else console.log(`${name}: ${line}`)
  }
  if (pooled) console.log(`\n${scoreLines(pooled)}`)
  console.log(
    `\nresults: ${resolve(dir)}${report ? `\nreport: ${resolve(report)}` : ''}\nnext: wgsam review ${quote(dir)}`,
  )
}

/** Two lines on how right the masks are. */
export const scoreLines = ({ at, countError, masks, instances }: MaskScores): string =>
  [
    ...at.map(
      ({ iou, precision, recall, f1 }) =>
        `at IoU ${iou.toFixed(2)}: precision ${percent(precision)}, recall ${percent(recall)}, F1 ${percent(f1)}`,
    ),
    `${masks} masks of ${instances} labelled instances: count error ${percent(countError, true)} %`,
  ].join('\n')
