/** @file `wgsam review`: a page in the browser to inspect, correct and accept masks, and what becomes of them. */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { UserError } from '../host/errors'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import { keepAddress, lastAddress } from '../review/last-address'
import { pageFolder, readAssets } from '../review/page-files'
import { compareProposals, describeComparison } from '../review/compare-proposals'
import { exportAcceptedImages } from '../review/export-dataset'
import { ReviewFolder } from '../project/review/review-folder'
import { describeCorrections, reportCorrections } from '../review/corrections-report'
import { type ReviewServer, serve, type ServeOptions } from '../review/server'
import { PromptSession } from '../review/prompt-session'
import { locateModel } from '../weights/locate-model'
import type { Command } from '../cli/command'
import { flag, number, text, type Values } from '../cli/options'
import { chosenName, modelOptions, openChosenModel } from './options/model'

export const command: Command = {
  name: 'review',
  summary: 'inspect, correct and accept masks in the browser; accepted images become a dataset',
  usage: 'DIR [--model NAME] [--adapter DIR] [--port NUMBER], or DIR --export, --report or --compare OTHER',
  positionals: [1, 1],
  options: {
    ...modelOptions,
    'no-model': { type: 'boolean', description: 'edit without a model: masks are not added by points and boxes' },
    port: {
      type: 'string',
      value: 'NUMBER',
      description: 'port on 127.0.0.1; 0 takes a free one (default: the folder’s last, where it is free)',
    },
    open: { type: 'boolean', description: 'open the page in the browser' },
    export: { type: 'boolean', description: 'write the accepted images to DIR/dataset, and end' },
    report: { type: 'boolean', description: 'count what was corrected, and end' },
    compare: {
      type: 'string',
      value: 'OTHER',
      description: 'score the proposals of another project against the accepted masks, and end',
    },
    json: { type: 'boolean', description: 'print the result of --export, --report or --compare as JSON' },
  },
  details: `DIR is a project that wgsam generate made, or any folder of images. Each edit is appended to
DIR/review/NAME.jsonl at once; nothing else is changed. Ctrl-C ends the server, and nothing is lost.

  wgsam review particles --adapter runs/first/best --open
  wgsam review particles --export
  wgsam train --data particles/dataset --out runs/second
  wgsam review particles --compare particles-second`,
  async run(values, [dir]) {
    const tasks = ['export', 'report', 'compare'].filter((name) => values[name] !== undefined)
    if (tasks.length > 1) throw new UserError(`--${tasks[0]} and --${tasks[1]} are two tasks: choose one`)
    if (!tasks.length) {
      if (flag(values, 'json')) throw new UserError('--json goes with --export, --report or --compare')
      return review(values, dir)
    }
    const { result, words } = await task(values, dir)
    console.log(flag(values, 'json') ? JSON.stringify(result, null, 1) : words)
  },
}

async function task(values: Values, dir: string): Promise<{ result: unknown; words: string }> {
  const other = text(values, 'compare')
  if (other !== undefined) {
    const result = await compareProposals(dir, other)
    return { result, words: describeComparison(result) }
  }
  if (flag(values, 'report')) {
    const result = await reportCorrections(dir)
    return { result, words: describeCorrections(result) }
  }
  const writing = new Progress('exporting', undefined)
  const result = await exportAcceptedImages(dir, (done, total) => writing.update(done, '', total))
  const lines = [
    `${result.folder}: ${result.images} images with ${result.masks} masks`,
    ...result.notes,
    `train with: wgsam train --data ${result.folder}`,
  ]
  return { result, words: lines.join('\n') }
}

async function review(values: Values, dir: string): Promise<number> {
  const port = number(values, 'port', { min: 0, max: 65535, integer: true })
  const assets = await readAssets(pageFolder())
  const session = flag(values, 'no-model') ? null : await openSession(values)
  const reading = new Progress('reading masks', undefined)
  const folder = await ReviewFolder.open(dir, (done, total) => reading.update(done, '', total))
  const asked = interruption(() => console.error('\nending; press Ctrl-C again to end at once'))
  try {
    const server = await start({ folder, session, assets, log: (line) => console.error(line) }, port)
    console.log(`${folder.names.length} images of ${resolve(dir)} are at\n\n  ${server.url}\n\nCtrl-C ends.`)
    if (flag(values, 'open')) openBrowser(server.url)
    // the page can be looked at while the model loads
    session?.warm().catch((error: Error) => console.error(`no masks can be added by prompts: ${error.message}`))
    await asked.signal
    await server.close()
    await session?.close()
  } finally {
    asked.dispose()
    await folder.close()
  }
  return 0
}

/** At the port that was asked for, else at the address that the folder had last, else at a new one. */
async function start(options: ServeOptions, port: number | undefined): Promise<ReviewServer> {
  const { dir } = options.folder
  const last = await lastAddress(dir)
  const again = last && (port === undefined || port === last.port)
  const server = again
    ? await serve({ ...options, ...last }).catch(() => serve({ ...options, port }))
    : await serve({ ...options, port })
  await keepAddress(dir, server)
  return server
}

/** A session whose model is known to be there; it is loaded when the page is. */
async function openSession(values: Values): Promise<PromptSession> {
  const size = number(values, 'size', { min: 32, max: 4096, integer: true }) ?? null
  const adapter = text(values, 'adapter') ?? null
  const name = await chosenName(values)
  try {
    await locateModel(name, flag(values, 'fetch'))
  } catch (error) {
    if (error instanceof UserError) error.message += '\nOr review without a model: --no-model'
    throw error
  }
  return new PromptSession({
    model: { name, adapter, size },
    async load() {
      const { model, engine } = await openChosenModel(values)
      return { model, close: () => engine.destroy() }
    },
  })
}

/** Asks the system to show an address; where it cannot, the address has been printed. */
function openBrowser(url: string): void {
  const [program, ...before] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open']
  spawn(program, [...before, url], { stdio: 'ignore', detached: true })
    .on('error', () => console.error('no browser could be opened: copy the address'))
    .unref()
}
