/** @file `wgsam playground`: serves the page that needs no server to this machine's browser. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Command } from '../cli/command'
import { flag, number } from '../cli/options'
import { builtFolder } from '../host/dist-folder'
import { UserError } from '../host/errors'
import { interruption } from '../host/interrupt'
import { openInBrowser } from '../host/open-browser'
import { type Asset, readAssets } from '../review/page-files'

/** Always the same, because a browser keeps what the page stores by its address. */
const PORT = 8377

export const command: Command = {
  name: 'playground',
  summary: 'a page that segments, trains and measures in the browser alone',
  usage: '[--port NUMBER] [--no-open]',
  positionals: [0, 0],
  options: {
    port: {
      type: 'string',
      value: 'NUMBER',
      description: `port on 127.0.0.1; 0 chooses a free one (default: ${PORT})`,
    },
    'no-open': { type: 'boolean', description: 'only print the address; do not open the browser' },
  },
  details: `Images, masks and adapters stay in the browser, which keeps them for this port. The same files can be put on any web server:
they are in dist/playground of the package. docs/playground.md describes the page.

  wgsam playground`,
  async run(values) {
    const port = number(values, 'port', { min: 0, max: 65535, integer: true }) ?? PORT
    const folder = builtFolder(join('playground', 'index.html'), join('playground', 'worker.js'))
    if (!folder) throw new UserError('the playground is not built: run `npm run build:playground`')
    const server = await serve(await readAssets(join(folder, 'playground')), port)
    const interrupt = interruption(() => {})
    const url = `http://localhost:${(server.address() as AddressInfo).port}/`
    console.log(`the playground is at\n\n  ${url}\n\nCtrl-C ends.`)
    if (!flag(values, 'no-open')) openInBrowser(url)
    await interrupt.signal
    interrupt.dispose()
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
    return 0
  },
}

/** Serves files that are in memory; nothing else can be named. */
function serve(assets: ReadonlyMap<string, Asset>, port: number): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url!, 'http://localhost')
    const asset = assets.get(pathname.slice(1) || 'index.html')
    response.writeHead(asset ? 200 : 404, { 'Content-Type': asset?.type ?? 'text/plain', 'Cache-Control': 'no-cache' })
    response.end(asset?.data ?? `there is no ${pathname}`)
  })
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      reject(new UserError(code === 'EADDRINUSE' ? `port ${port} is taken: choose another with --port` : message)),
    )
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
