/** @file The server of `wgsam start`: the home page, its requests, and below it the review, the runs and the reports. */
import { join } from 'node:path'
import { existsSync } from 'node:fs'
import * as v from 'valibot'
import { messageOf } from '../host/errors'
import { HttpError } from '../host/http-error'
import { headers, readJson, sendJson } from '../host/local-http'
import { type LocalRequest, type LocalServer, type LocalServerOptions, serveLocally } from '../host/local-server'
import { checkValue } from '../text/check-value'
import { type Asset, sendAsset } from '../review/page-files'
import { answerReview } from '../review/server'
import { LivePage } from '../watch/live-page'
import { answerLive } from '../watch/live-routes'
import type { Home } from './home'
import { runPath } from './plan-job'
import { sendReport } from './report-files'
import {
  jobRequestSchema,
  modelRequestSchema,
  pathRequestSchema,
  runNameSchema,
  stopRequestSchema,
} from './request-schemas'
import { runProgress } from './run-progress'

export interface HomeServerOptions extends LocalServerOptions {
  home: Home
  assets: ReadonlyMap<string, Asset>
}

/** Starts the server; closing it leaves the home open. @throws UserError if the port is not available */
export function serveHome(options: HomeServerOptions): Promise<LocalServer> {
  const { home, assets } = options
  const live = new LivePages(home)
  return serveLocally(async (request) => {
    const { path, method, response } = request
    const [, area = '', ...rest] = path.split('/')
    const below = rest.length ? `/${rest.join('/')}` : ''
    if (area === 'review') return answerReview(home.review, { ...request, path: below })
    if (area === 'api') return answerApi(home, rest, request)
    if (method === 'POST') throw new HttpError(405, 'nothing is posted here')
    if (area === 'runs' && rest.length) return live.answer(rest, request)
    if (area === 'reports') return sendReport(home.dir, rest.join('/'), response)
    sendAsset(assets, path, response)
  }, options)
}

async function answerApi(home: Home, [what, more]: string[], request: LocalRequest): Promise<void> {
  const { method, query, response } = request
  if (what === undefined || more !== undefined) throw new HttpError(404, `there is no ${request.path}`)
  if (method === 'POST') return sendJson(response, await post(home, what, await readJson(request.request)))
  if (what === 'thumbnail') {
    const picture = await home.thumbnail(query.get('name') ?? '', query.get('v') ?? '')
    // its address names the version, so that a browser needs not ask again
    const cached = { 'Content-Type': 'image/webp', 'Cache-Control': 'private, max-age=86400, immutable' }
    return void response.writeHead(200, { ...headers, ...cached }).end(picture)
  }
  sendJson(response, await get(home, what, query))
}

function get(home: Home, what: string, query: URLSearchParams): Promise<unknown> {
  if (what === 'state') return home.state()
  if (what === 'images') return home.images()
  if (what === 'folders') return home.folders(query.get('path'))
  if (what === 'run') {
    const name = checked(runNameSchema, query.get('name'))
    return runProgress(runPath(home.dir, name), name)
  }
  throw new HttpError(404, `there is no api/${what}`)
}

async function post(home: Home, what: string, body: unknown): Promise<unknown> {
  if (what === 'plan') return home.plan(checked(jobRequestSchema, body))
  if (what === 'jobs') return home.add(checked(jobRequestSchema, body))
  if (what === 'stop') await home.stop(checked(stopRequestSchema, body).id)
  else if (what === 'folder') await home.open(checked(pathRequestSchema, body).path)
  else if (what === 'model') await home.chooseModel(checked(modelRequestSchema, body).name)
  else throw new HttpError(404, `there is no api/${what}`)
  return home.state()
}

/** A value that the page sent. @throws HttpError 400 if it does not match the schema */
function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  try {
    return checkValue(schema, value)
  } catch (error) {
    throw new HttpError(400, messageOf(error))
  }
}

/** The live page of each run that was looked at. */
class LivePages {
  private readonly pages = new Map<string, LivePage>()

  constructor(private readonly home: Home) {}

  async answer([name, ...rest]: string[], { query, response }: LocalRequest): Promise<void> {
    const root = runPath(this.home.dir, checked(runNameSchema, name))
    if (!existsSync(join(root, 'config.json'))) throw new HttpError(404, `there is no run ${name} yet`)
    let page = this.pages.get(root)
    if (!page) this.pages.set(root, (page = new LivePage(root, name)))
    const path = rest.length ? `/${rest.join('/')}` : ''
    return answerLive(page, { path, query, response })
  }
}
