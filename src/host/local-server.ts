/** @file A server on 127.0.0.1 with a token in its address, for the pages of `wgsam review` and `wgsam start`. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { guardConnections } from './connection-guard'
import { UserError } from './errors'
import { HttpError } from './http-error'
import { admit, headers, sendJson } from './local-http'

export interface LocalServerOptions {
  /** 0 chooses a free one. */
  port?: number
  /** Random by default. */
  token?: string
  /** Called with errors that the page did not cause. */
  log?(line: string): void
}

export interface LocalServer {
  /** Includes the token. */
  url: string
  port: number
  token: string
  /** Stops the server after the current requests. */
  close(): Promise<void>
}

/** An admitted request: see admit. */
export interface LocalRequest {
  method: 'GET' | 'HEAD' | 'POST'
  /** What follows the token, '' or beginning with a slash. */
  path: string
  query: URLSearchParams
  request: IncomingMessage
  response: ServerResponse
}

/**
 * Starts a server that passes admitted requests on and reports errors to the page.
 * @throws UserError if the port is not available
 */
export async function serveLocally(
  answer: (request: LocalRequest) => Promise<void>,
  { port, token = randomBytes(16).toString('hex'), log = () => {} }: LocalServerOptions,
): Promise<LocalServer> {
  const server = createServer({ requestTimeout: 120_000, connectionsCheckingInterval: 2_000 }, (request, response) => {
    receive(answer, request, response, token).catch((error) => fail(request, response, error, log))
  })
  guardConnections(server)
  const at = await listen(server, port ?? 0)
  return {
    url: `http://127.0.0.1:${at}/${token}/`,
    port: at,
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

async function receive(
  answer: (request: LocalRequest) => Promise<void>,
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
): Promise<void> {
  const { method } = request
  const { path, query } = admit(request, request.socket.localPort!, token)
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST')
    throw new HttpError(405, `the method ${method} is not supported`)
  return answer({ method, path, query, request, response })
}

/** Reports an error to the page; a fault of this program is logged on the terminal too. */
function fail(request: IncomingMessage, response: ServerResponse, error: unknown, log: (line: string) => void): void {
  const { message } = error as Error
  const [status, more] =
    error instanceof HttpError ? [error.status, error.more] : error instanceof UserError ? [422, {}] : [500, {}]
  if (status === 500) log(`a request failed: ${message}`)
  if (response.headersSent || response.destroyed) return void response.destroy()
  // the rest of a rejected body is not read
  response.setHeader('Connection', 'close')
  // a person who opened a wrong address reads this; the page's own requests accept anything
  if (/\btext\/html\b/.test(request.headers.accept ?? '')) return sendWords(response, message, status)
  sendJson(response, { error: message, ...more }, status)
}

function sendWords(response: ServerResponse, message: string, status: number): void {
  const marks: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
  const text = message.replace(/[&<>]/g, (mark) => marks[mark])
  response
    .writeHead(status, { ...headers, 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
    .end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>wgsam</title><h1>wgsam</h1><p>${text}</p></html>`)
}
