/** @file The review page's server: on 127.0.0.1 only, with a token in its address; src/review/protocol.ts lists the requests. */
import { HttpError } from '../host/http-error'
import { readJson, sendJson } from '../host/local-http'
import { type LocalRequest, type LocalServer, type LocalServerOptions, serveLocally } from '../host/local-server'
import { LogWriteError } from '../project/review/edit-log'
import { Routes, type Served } from './routes'

export type ServeOptions = Served & LocalServerOptions

/** Starts the server; closing it leaves folder and session open. @throws UserError if the port is not available */
export function serve(options: ServeOptions): Promise<LocalServer> {
  const routes = new Routes(options)
  return serveLocally((request) => answerReview(routes, request), options)
}

/** Answers a request for the page, or one of its api. @throws HttpError for one that is not valid */
export async function answerReview(
  routes: Routes,
  { method, path, query, request, response }: LocalRequest,
): Promise<void> {
  const body = method === 'POST' ? await readJson(request) : undefined
  if (!path.startsWith('/api/')) {
    if (method === 'POST') throw new HttpError(405, 'nothing is posted here')
    return routes.asset(path, response)
  }
  const [what, name, part, more] = path.slice('/api/'.length).split('/').map(decode)
  if (more !== undefined) throw new HttpError(404, `there is no ${path}`)
  if (name === undefined) {
    const reply = method === 'POST' ? await routes.post(what, body) : await routes.get(what)
    return sendJson(response, reply)
  }
  if (what !== 'images' || part === undefined) throw new HttpError(404, `there is no ${path}`)
  routes.known(name)
  if (method === 'POST') {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    return sendJson(response, await routes.postImage(name, part, body, gone.signal).catch(asUnavailable))
  }
  if (part === 'pixels') return routes.pixels(name, request, response)
  if (part === 'info-bar') return routes.infoBar(name, request, response)
  sendJson(response, await routes.getImage(name, part, query).catch(asUnavailable))
}

/** A log that cannot be written now may be later: the page keeps its edits and tries again. */
function asUnavailable(error: unknown): never {
  throw error instanceof LogWriteError ? new HttpError(503, error.message) : error
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new HttpError(400, 'the address is not encoded correctly')
  }
}
