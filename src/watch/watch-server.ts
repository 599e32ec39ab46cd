/** @file `wgsam train --watch`: serves a page on 127.0.0.1 that shows a run in progress. Its errors never end the run. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardConnections } from '../host/connection-guard'
import { HttpError } from '../host/http-error'
import { admit, headers } from '../host/local-http'
import { LivePage } from './live-page'
import { answerLive } from './live-routes'
import { POLL_INTERVAL } from './live-script'
import { messageOf } from '../host/errors'

const FAREWELL = 'The run has ended: this page is no longer served and cannot be reloaded.'

export interface WatchOptions {
  /** The run's folder. */
  root: string
  name: string
  /** 0, or a port that is taken: any free port. */
  port?: number
  /** Secret part of the address; random by default. */
  token?: string
  log(line: string): void
}

export class WatchServer {
  /** When a page last polled, and whether a page has been sent the end of the run. */
  private seen = { at: -Infinity, last: false }
  private ended = false
  private warned = false
  private readonly live: LivePage

  private constructor(
    private readonly server: Server,
    private readonly options: WatchOptions & { token: string },
  ) {
    this.live = new LivePage(options.root, options.name, undefined, () => !this.ended)
  }

  /** Null, and a warning in the log, if no server can be opened. */
  static async open(options: WatchOptions): Promise<WatchServer | null> {
    const { token = randomBytes(16).toString('hex'), log } = options
    try {
      const server = createServer({ requestTimeout: 30_000, connectionsCheckingInterval: 2_000 })
      const watch = new WatchServer(server, { ...options, token })
      server.on('request', (request, response) => {
        watch.answer(request, response).catch((error: unknown) => watch.fail(response, error))
      })
      guardConnections(server)
      await listen(server, options.port ?? 0, log)
      server.on('error', (error) => watch.warn(error))
      // the server must not keep the process alive when the run has ended
      server.unref()
      return watch
    } catch (error) {
      log(`warning: no live page: ${messageOf(error)}. Training continues.`)
      return null
    }
  }

  /** Address of the page, including the token. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${this.options.token}/`
  }

  /** Closes the server, after open pages have been sent the end of the run. Never throws. */
  async close(): Promise<void> {
    try {
      this.ended = true
      const deadline = performance.now() + 2 * POLL_INTERVAL
      const watched = performance.now() - this.seen.at < 2 * POLL_INTERVAL
      while (watched && !this.seen.last && performance.now() < deadline) await sleep(50)
      const closed = new Promise((resolve) => this.server.close(resolve))
      this.server.closeIdleConnections()
      await Promise.race([closed, sleep(500, undefined, { ref: false })])
      this.server.closeAllConnections()
    } catch (error) {
      this.warn(error)
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query } = admit(request, request.socket.localPort!, this.options.token)
    if (request.method !== 'GET') throw new HttpError(405, `${request.method} is not allowed: this page is read-only`)
    const { ended } = this
    if (path === '/live') this.seen.at = performance.now()
    const farewell = ended ? FAREWELL : undefined
    await answerLive(this.live, { path, query, response, farewell })
    if (path === '/live' && ended) this.seen.last = true
  }

  private fail(response: ServerResponse, error: unknown): void {
    const status = error instanceof HttpError ? error.status : 500
    if (status === 500) this.warn(error)
    if (response.headersSent || response.destroyed) return void response.destroy()
    response.setHeader('Connection', 'close')
    response.writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }).end(messageOf(error))
  }

  /** Warns once: an error at every poll would hide the log of the training. */
  private warn(error: unknown): void {
    if (this.warned) return
    this.warned = true
    this.options.log(`warning: the live page: ${messageOf(error)}. Training continues.`)
  }
}

async function listen(server: Server, port: number, log: WatchOptions['log']): Promise<void> {
  const on = (at: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(at, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  try {
    await on(port)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!port || (code !== 'EADDRINUSE' && code !== 'EACCES')) throw error
    log(`warning: port ${port} is taken or not allowed: the live page uses a free one`)
    await on(0)
  }
}
