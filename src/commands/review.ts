/** @file `wgsam review`: serves the page to inspect, correct and accept masks; exports, counts and compares the result. */
import { resolve } from 'node:path'
import { UserError } from '../host/errors'
import { LockedError } from '../host/folder-lock'
import { interruption } from '../host/interrupt'
import type { LocalServer } from '../host/local-server'
import { openInBrowser } from '../host/open-browser'
import { Progress } from '../host/progress'
import { keepAddress, lastAddress } from '../review/last-address'
import { pageFolder, readAssets } from '../review/page-files'
import { agreement, describeAgreement } from '../review/agreement'
import { compareProposals, describeComparison } from '../review/compare-proposals'
import { exportAcceptedImages } from '../review/export-dataset'
import { importMasks } from '../review/import-masks'
import { count } from '../text/count'
import { nextTraining } from '../review/next-training'
import { reviewFolder } from '../project/project'
import { ReviewFolder } from '../project/review/review-folder'
import { describeCorrections, reportCorrections } from '../review/corrections-report'
import { serve, type ServeOptions } from '../review/server'
import { PromptSession } from '../review/prompt-session'
import { readPixels } from '../review/read-pixels'
import { promptViews, type ViewOf } from '../review/prompt-views'
import { parsePixelSize } from '../images/micrograph'
import { adapterBand } from '../model/adapter-band'
import { locateModel } from '../weights/locate-model'
import type { Command } from '../cli/command'
import { flag, number, text, type Values } from '../cli/options'
import { diameterOption, pixelSizeOption, readDiameter } from './options/diameter'
import { chosenName, modelOptions, openChosenModel, withAdapterFolders } from './options/model'
import { withProjectModel } from './options/project-model'

export const command: Command = {
  name: 'review',
  summary: 'inspect, correct and accept masks in the browser; accepted images become a dataset',
  usage: 'DIR [--model NAME] [--adapter DIR] [--port NUMBER], or DIR --export, --report or --compare OTHER',
  positionals: [1, 1],
  options: {
    ...modelOptions,
    diameter: {
      ...diameterOption.diameter,
      description:
        'typical diameter of the particles, for prompts: pixels such as 24px, a length such as 12um, auto (the median of the ' +
        'masks that an image has, or of the folder’s) or none. Where particles are too small for the model, a prompt is seen in ' +
        'a tile that magnifies them; none never does (default auto)',
    },
    ...pixelSizeOption,
    'no-model': { type: 'boolean', description: 'edit without a model: point and box prompts are not available' },
    port: {
      type: 'string',
      value: 'NUMBER',
      description: 'port on 127.0.0.1; 0 chooses a free one (default: the last port of this folder, if it is free)',
    },
    open: { type: 'boolean', description: 'open the page in the browser' },
    export: { type: 'boolean', description: 'write the accepted images to DIR/dataset and exit' },
    report: { type: 'boolean', description: 'print how many masks were corrected, and exit' },
    annotator: {
      type: 'string',
      value: 'NAME',
      description:
        'the review of a second person, who begins from the same proposals and does not see the first one’s edits; with --report, ' +
        'print how far the two agree on the images that both have accepted',
    },
    compare: {
      type: 'string',
      value: 'OTHER',
      description: 'score the proposals of another project against the accepted masks, and exit',
    },
    json: { type: 'boolean', description: 'print the result of --export, --report or --compare as JSON' },
  },
  details: `DIR is a project created by wgsam generate, or any folder of images: with images/ and masks/, COCO annotations
(annotations.json) or ImageJ ROI sets (NAME.zip), these masks are opened. Prompts are answered by the model, the adapter and at the
input size with which the project's proposals were made, unless --model, --adapter or --size name others. Each edit is immediately appended to
DIR/review/NAME.jsonl; nothing else is changed. Ctrl-C stops the server without losing edits.

  wgsam review particles --open
  wgsam review particles --adapter runs/first/best
  wgsam review particles --export
  wgsam review particles --compare particles-second
  wgsam review particles --annotator anna            # later: --annotator anna --report`,
  async run(given, [dir]) {
    const values = withAdapterFolders(given)
    const tasks = ['export', 'report', 'compare'].filter((name) => values[name] !== undefined)
    const annotator = text(values, 'annotator')
    if (annotator !== undefined && !/^[\p{L}\p{N}_-]{1,40}$/u.test(annotator))
      throw new UserError('--annotator takes a name of 1 to 40 letters, digits, - and _')
    if (annotator !== undefined && (tasks.includes('export') || tasks.includes('compare')))
      throw new UserError(`--${tasks[0]} is of the first review: leave out --annotator`)
    if (tasks.length > 1) throw new UserError(`--${tasks[0]} and --${tasks[1]} cannot be combined: choose one`)
    if (!tasks.length) {
      if (flag(values, 'json')) throw new UserError('--json requires --export, --report or --compare')
      return review(values, dir)
    }
    const { result, printed } = await runTask(values, dir)
    console.log(flag(values, 'json') ? JSON.stringify(result, null, 1) : printed)
  },
}

async function runTask(values: Values, dir: string): Promise<{ result: unknown; printed: string }> {
  const other = text(values, 'compare')
  if (other !== undefined) {
    const result = await compareProposals(dir, other)
    return { result, printed: describeComparison(result) }
  }
  const annotator = text(values, 'annotator')
  if (annotator !== undefined) {
    const result = await agreement(dir, annotator)
    return { result, printed: describeAgreement(result) }
  }
  if (flag(values, 'report')) {
    const result = await reportCorrections(dir)
    return { result, printed: describeCorrections(result) }
  }
  const writing = new Progress('exporting', undefined)
  const result = await exportAcceptedImages(dir, (done, total) => writing.update(done, '', total))
  const next = await nextTraining(dir, result, null)
  const lines = [
    `${result.folder}: ${count(result.images, 'image')} with ${count(result.masks, 'mask')}`,
    ...result.notes,
    `next: ${next}`,
  ]
  return { result: { ...result, next }, printed: lines.join('\n') }
}

async function review(values: Values, dir: string): Promise<number> {
  const port = number(values, 'port', { min: 0, max: 65535, integer: true })
  const diameter = readDiameter(values)
  const typed = text(values, 'pixel-size')
  const pixelSize = typed === undefined ? null : parsePixelSize(typed)
  if (flag(values, 'no-model') && text(values, 'diameter') !== undefined)
    throw new UserError('--diameter is for prompts, which need a model: leave out --no-model or --diameter')
  const assets = await readAssets(pageFolder())
  const openSession = flag(values, 'no-model') ? null : await prepareSession(values, dir)
  const imported = await importMasks(dir)
  if (imported) {
    console.error(
      `${count(imported.masks, 'mask')} of ${count(imported.images, 'image')} are opened for review; the files they come from stay as they are`,
    )
    for (const note of imported.notes) console.error(`note: ${note}`)
  }
  const reading = new Progress('reading masks', undefined)
  const annotator = text(values, 'annotator')
  const open = () => ReviewFolder.open(dir, (done, total) => reading.update(done, '', total), annotator)
  const folder = await open().catch(async (error: unknown) => {
    const url = error instanceof LockedError ? await openAddress(addressKey(dir, annotator)) : null
    if (url === null) throw error
    return url
  })
  if (typeof folder === 'string') {
    console.log(`another \`wgsam review\` has this folder open already, at\n\n  ${folder}`)
    if (flag(values, 'open')) openInBrowser(folder)
    return flag(values, 'open') ? 0 : 1
  }
  const interrupt = interruption(() => console.error('\nstopping; press Ctrl-C again to end at once'))
  try {
    const session = openSession?.(promptViews(folder, diameter, pixelSize)) ?? null
    const server = await start({ folder, session, assets, log: (line) => console.error(line) }, port)
    console.log(
      `${count(folder.names.length, 'image is', 'images are')} open: ${resolve(dir)}\n\n  ${server.url}\n\nCtrl-C ends.`,
    )
    if (flag(values, 'open')) openInBrowser(server.url)
    // the page is usable while the model loads
    session?.warm().catch((error: Error) => console.error(`prompts are not available: ${error.message}`))
    await interrupt.signal
    await server.close()
    await session?.close()
  } finally {
    interrupt.dispose()
    await folder.close()
  }
  return 0
}

/** The folder under which a server's address is kept: each annotator has an own one. */
const addressKey = (dir: string, annotator: string | undefined): string =>
  annotator === undefined ? dir : reviewFolder(dir, annotator)

/** The address of a server that has the folder open; null if none answers there. */
async function openAddress(dir: string): Promise<string | null> {
  const last = await lastAddress(dir)
  if (!last) return null
  const url = `http://127.0.0.1:${last.port}/${last.token}/`
  const answer = await fetch(`${url}api/session`, { signal: AbortSignal.timeout(2000) }).catch(() => null)
  return answer?.ok ? url : null
}

/**
 * Starts the server at the given port; without one, at the last address of the folder, or a new one if that is taken.
 * The token of the last address is kept with its port, so that a page that is still open reconnects.
 */
async function start(options: ServeOptions, port: number | undefined): Promise<LocalServer> {
  const dir = addressKey(options.folder.dir, options.folder.annotator)
  const last = await lastAddress(dir)
  const again = last && (port === undefined || port === last.port)
  const server = again
    ? await serve({ ...options, ...last }).catch(() => serve({ ...options, port }))
    : await serve({ ...options, port })
  await keepAddress(dir, server)
  return server
}

/** What opens a session for prompts. Checks that the model is available, but does not load it yet. */
async function prepareSession(given: Values, dir: string): Promise<(viewOf: ViewOf | null) => PromptSession> {
  const { values, line } = await withProjectModel(given, dir)
  if (line) console.error(line)
  const size = number(values, 'size', { min: 32, max: 4096, integer: true }) ?? null
  const adapter = text(values, 'adapter') ?? null
  const name = await chosenName(values)
  try {
    await locateModel(name, flag(values, 'fetch'))
  } catch (error) {
    if (error instanceof UserError) error.message += '\nOr review without a model: --no-model'
    throw error
  }
  return (viewOf) =>
    new PromptSession({
      read: readPixels,
      model: { name, adapter, size },
      viewOf,
      async load() {
        const { model, engine } = await openChosenModel(values)
        return { model, band: await adapterBand(adapter, model), close: () => engine.destroy() }
      },
    })
}
