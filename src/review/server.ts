/** @file The review page's server: on 127.0.0.1 only, with a token in its address; src/review/protocol.ts lists the requests. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UserError } from '../host/errors'
import { admit, HttpError, readJson } from '../host/local-http'
import { LogWriteError } from '../project/review/edit-log'
import { Routes, type Served, sendJson } from './routes'

export interface ServeOptions extends Served {
  /** 0 chooses a free port. */
  port?: number
  /** Random by default. */
  token?: string
  /** Called with errors that the page did not cause. */
  log?(line: string): void
}

export interface ReviewServer {
  /** Includes the token. */
  url: string
  port: number
  token: string
  /** Stops the server after the current requests. The folder and the session stay open. */
  close(): Promise<void>
}

/** Starts the server. @throws UserError if the port is not available */
export async function serve(options: ServeOptions): Promise<ReviewServer> {
  const { log = () => {}, token = randomBytes(16).toString('hex') } = options
  const routes = new Routes(options)
  const server = createServer({ requestTimeout: 120_000 }, (request, response) => {
    answer(routes, request, response, token).catch((error) => fail(response, error, log))
  })
  const port = await listen(server, options.port ?? 0)
  return {
    url: `http://127.0.0.1:${port}/${token}/`,
    port,
    token,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), 5_000).unref()
      }),
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE' || error.code === 'EACCES'
          ? new UserError(`port ${port} is taken or not allowed: choose another with --port, or 0 for a free one`)
          : error,
      ),
    )
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse, token: string) {
  const { method } = request
  const { path, query } = admit(request, request.socket.localPort!, token)
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST')
    throw new HttpError(405, `the method ${method} is not supported`)
  const body = method === 'POST' ? await readJson(request) : undefined
  if (!path.startsWith('/api/')) {
    if (method === 'POST') throw new HttpError(405, 'nothing is posted here')
    return routes.asset(path, response)
  }
  const [what, name, part, more] = path.slice('/api/'.length).split('/').map(decode)
  if (more !== undefined) throw new HttpError(404, `there is no ${path}`)
  if (name === undefined) {
    const reply = method === 'POST' ? await routes.post(what) : routes.get(what)
    return sendJson(response, reply)
  }
  if (what !== 'images' || part === undefined) throw new HttpError(404, `there is no ${path}`)
  routes.known(name)
  if (method === 'POST') return sendJson(response, await routes.postImage(name, part, body))
  if (part === 'pixels') return routes.pixels(name, request, response)
  sendJson(response, await routes.getImage(name, part, query))
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new HttpError(400, 'the address is not encoded correctly')
  }
}

/** Reports an error to the page; a fault of this program is logged on the terminal too. */
function fail(response: ServerResponse, error: unknown, log: (line: string) => void): void {
  const { message } = error as Error
  const [status, more] =
    error instanceof HttpError
      ? [error.status, error.more]
      : error instanceof LogWriteError
        ? [503, {}]
        : error instanceof UserError
          ? [422, {}]
          : [500, {}]
  if (status === 500) log(`a request failed: ${message}`)
  if (response.headersSent || response.destroyed) return void response.destroy()
  // the rest of a rejected body is not read
  response.setHeader('Connection', 'close')
  sendJson(response, { error: message, ...more }, status)
}
