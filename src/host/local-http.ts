/** @file Who may ask the review server: only its own page, opened with the address that it printed. */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { messageOf } from './errors'

/** An answer that is an error: its status and words. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** More of the answer. */
    readonly more: object = {},
  ) {
    super(message)
  }
}

/** On every answer: nothing from elsewhere runs in the page, and nothing elsewhere shows it or reads it. */
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
 * The path of a request after its token, without the query.
 * @throws HttpError where another site, another name of this machine or a stranger to the token asks
 */
export function admit(request: IncomingMessage, port: number, token: string): { path: string; query: URLSearchParams } {
  // browsers leave port 80 out
  const own = ['127.0.0.1', 'localhost'].map((name) => (port === 80 ? name : `${name}:${port}`))
  // a foreign name that leads here (DNS rebinding) would make a foreign page this server's own origin
  const { host, origin } = request.headers
  if (!own.includes(host ?? '')) throw new HttpError(403, 'this server answers to 127.0.0.1 and localhost only')
  if (origin !== undefined && !own.some((name) => origin === `http://${name}` && name === host))
    throw new HttpError(403, 'another site asks: only the review page itself may')
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new HttpError(403, 'another site led here: copy the address that wgsam printed into the address line')
  const [path, query = ''] = (request.url ?? '').split('?', 2)
  const [, first, ...rest] = path.split('/')
  if (!sameText(first ?? '', token))
    throw new HttpError(404, 'there is nothing here: the address that wgsam printed has a token')
  return { path: rest.length ? `/${rest.join('/')}` : '', query: new URLSearchParams(query) }
}

function sameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

/** Larger requests are refused. An edit of 5,000 masks has some MB. */
export const maxBody = 32 * 2 ** 20

/** The JSON of a POST. @throws HttpError where it is none, or too large */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new HttpError(415, 'a POST has the content type application/json')
  const tooLarge = () => new HttpError(413, `a request has at most ${maxBody / 2 ** 20} MiB`)
  if (Number(request.headers['content-length']) > maxBody) throw tooLarge()
  const body = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBody) return void chunks.push(chunk)
      // not destroyed: the answer takes the same way back
      request.pause()
      reject(tooLarge())
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => reject(new HttpError(400, 'the request was cut off')))
  })
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new HttpError(400, `the request is no JSON: ${messageOf(error)}`)
  }
}
