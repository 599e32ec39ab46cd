/** @file The requests of a live page: the page, its script, and its polls. Shared by `wgsam train --watch` and `wgsam start`. */
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { HttpError } from '../host/http-error'
import { headers } from '../host/local-http'
import { LivePage } from './live-page'
import { script } from './live-script'

interface LiveRequest {
  /** Below the page's own address. */
  path: string
  query: URLSearchParams
  response: ServerResponse
  /** Set when the server is about to end: the text for an open page, which then asks no more. */
  farewell?: string
}

/** @throws HttpError 404 for other paths */
export async function answerLive(live: LivePage, { path, query, response, farewell }: LiveRequest): Promise<void> {
  if (path === '') {
    const [own] = response.req.url!.split('?')
    return void response.writeHead(308, { ...headers, Location: `${own}/` }).end()
  }
  if (path === '/') {
    const html = LivePage.completePage(await live.get())
    return send(response, 'text/html; charset=utf-8', html, { 'Content-Security-Policy': policyFor(html) })
  }
  if (path === '/watch.js') return send(response, 'text/javascript; charset=utf-8', script)
  if (path !== '/live') throw new HttpError(404, `there is no ${path}`)
  const ended = farewell !== undefined
  const { version, html, note } = await live.get(ended)
  const said = ended ? `${note} ${farewell}` : note
  const update = { version, html: query.get('version') === version ? null : html, note: said, ended }
  send(response, 'application/json', JSON.stringify(update))
}

function send(response: ServerResponse, type: string, text: string, more: Record<string, string> = {}): void {
  response.writeHead(200, { ...headers, ...more, 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text)
}

/** The content security policy: allows the page's inline style by its hash, and no other. */
function policyFor(html: string): string {
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  return `${headers['Content-Security-Policy'] as string}; style-src 'sha256-${hash}'`
}
