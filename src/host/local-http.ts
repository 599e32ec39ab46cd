/**
 * @file Requests to the local servers (review page, watch page): only the server's own page, opened with the printed
 * address, is served.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { markAdmitted } from './connection-guard'
import { messageOf } from './errors'
import { HttpError } from './http-error'

/** Headers of every response: the page runs no foreign code, and foreign pages can neither embed nor read it. */
export const headers: OutgoingHttpHeaders = {
  'Content-Security-Policy': [
    "default-src 'self'",
    "img-src 'self' blob: data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/**
 * Checks that a request comes from the server's own page, and returns its path after the token.
 * @throws HttpError if the request is from another site, uses another host name of this machine, or lacks the token
 */
export function admit(request: IncomingMessage, port: number, token: string): { path: string; query: URLSearchParams } {
  // browsers omit port 80
  const own = ['127.0.0.1', 'localhost'].map((name) => (port === 80 ? name : `${name}:${port}`))
  // a foreign host name that resolves to this machine (DNS rebinding) would give a foreign page the server's own origin
  const { host, origin } = request.headers
  // of several Host headers Node keeps the first
  const hosts = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts !== 1 || !own.includes(host ?? ''))
    throw new HttpError(403, 'this server accepts requests to 127.0.0.1 and localhost only')
  if (origin !== undefined && !own.some((name) => origin === `http://${name}` && name === host))
    throw new HttpError(403, 'requests from other sites are refused')
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new HttpError(
      403,
      'links from other sites are refused: copy the address that wgsam printed into the address bar',
    )
  const [path, query = ''] = (request.url ?? '').split('?', 2)
  const [, first, ...rest] = path.split('/')
  if (!sameText(first ?? '', token))
    throw new HttpError(404, 'not found: the address that wgsam printed contains a token')
  markAdmitted(request.socket)
  return { path: rest.length ? `/${rest.join('/')}` : '', query: new URLSearchParams(query) }
}

function sameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

/** Maximum size of a request body, bytes. An edit of 5,000 masks has a few MB. */
export const MAX_BODY = 32 * 2 ** 20

/** The JSON body of a POST request. @throws HttpError if it is not JSON, or too large */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new HttpError(415, 'a POST request must have the content type application/json')
  const tooLarge = () => new HttpError(413, `a request must not exceed ${MAX_BODY / 2 ** 20} MiB`)
  if (Number(request.headers['content-length']) > MAX_BODY) throw tooLarge()
  const body = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= MAX_BODY) return void chunks.push(chunk)
      // not destroyed: the response is sent on the same connection
      request.pause()
      reject(tooLarge())
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => reject(new HttpError(400, 'the request was cut off')))
  })
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new HttpError(400, `the request is not JSON: ${messageOf(error)}`)
  }
}

/** Sends a value as JSON; a text is sent as it is. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  response.writeHead(status, { ...headers, 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(text)
}
