/** @file The review page's server: 127.0.0.1 only, a token in its address, and what src/review/protocol.ts says. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { UserError } from '../errors'
import { projectFile } from '../generate/project'
import { version } from '../../package.json'
import type { Asset } from './assets'
import { DoesNotFit } from './document'
import { exportDataset } from './export'
import type { ReviewFolder } from './folder'
import { admit, headers, HttpError, readJson } from './guard'
import { Pictures } from './pixels'
import type { ConflictReply, EncodeReply, ImageSummary, SessionReply } from './protocol'
import { Act, Encode, Prompt, read } from './schema'
import type { Session } from './session'

export interface ServeOptions {
  folder: ReviewFolder
  /** Null for editing without a model. */
  session: Session | null
  /** The page's files, see readAssets. */
  assets: ReadonlyMap<string, Asset>
  /** 0 takes a free one. */
  port?: number
  /** Random by default. */
  token?: string
  /** Is told of errors that are not the page's fault. */
  log?(line: string): void
}

export interface ReviewServer {
  /** With the token. */
  url: string
  port: number
  /** Ends it; requests in hand are answered. The folder and the session stay open. */
  close(): Promise<void>
}

/** @throws UserError where the port is taken */
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
    throw new HttpError(405, `${method} is not understood`)
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
    throw new HttpError(400, 'the address is not encoded as it must be')
  }
}

function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  response.writeHead(status, { ...headers, 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(text)
}

/** What is wrong is said to the page; what is this program's own fault, on the terminal too. */
function fail(response: ServerResponse, error: unknown, log: (line: string) => void): void {
  const { message } = error as Error
  const [status, more] =
    error instanceof HttpError ? [error.status, error.more] : error instanceof UserError ? [422, {}] : [500, {}]
  if (status === 500) log(`an answer failed: ${message}`)
  if (response.headersSent || response.destroyed) return void response.destroy()
  // what is left of a body that was refused is not read
  response.setHeader('Connection', 'close')
  sendJson(response, { error: message, ...more }, status)
}

/** What was posted. @throws HttpError where it is not of the shape */
function posted<T>(schema: Parameters<typeof read<T>>[0], value: unknown): T {
  try {
    return read(schema, value)
  } catch (error) {
    throw new HttpError(400, (error as Error).message)
  }
}

class Routes {
  private readonly pictures = new Pictures()
  private readonly folder: ReviewFolder
  private readonly session: Session | null
  private exporting: Promise<unknown> = Promise.resolve()

  constructor(private readonly options: ServeOptions) {
    this.folder = options.folder
    this.session = options.session
  }

  known(name: string): void {
    if (!this.folder.has(name)) throw new HttpError(404, `there is no image named ${JSON.stringify(name)}`)
  }

  asset(path: string, response: ServerResponse): void {
    if (path === '') {
      // relative addresses in the page need the slash
      response.writeHead(308, { ...headers, Location: `${response.req.url!.split('?')[0]}/` }).end()
      return
    }
    const asset = this.options.assets.get(path === '/' ? 'index.html' : path.slice(1))
    if (!asset) throw new HttpError(404, `there is no ${path}`)
    response.writeHead(200, { ...headers, 'Content-Type': asset.type, 'Cache-Control': 'no-cache' }).end(asset.data)
  }

  get(what: string): unknown {
    if (what === 'images')
      return this.folder.summaries.map((summary): ImageSummary => ({
        ...summary,
        encoded: this.session?.encoded(summary.info.name) ?? false,
      }))
    if (what === 'session')
      return {
        folder: this.folder.dir,
        version,
        model: this.session?.model ?? null,
      } satisfies SessionReply
    throw new HttpError(404, `there is no api/${what}`)
  }

  post(what: string): Promise<unknown> {
    if (what !== 'export') throw new HttpError(404, `there is no api/${what}`)
    const result = this.exporting.catch(() => {}).then(() => exportDataset(this.folder.dir))
    this.exporting = result
    return result
  }

  async pixels(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { png, etag } = await this.pictures.get(this.folder.imagePath(name))
    const all = { ...headers, 'Content-Type': 'image/png', 'Cache-Control': 'no-cache', ETag: etag }
    if (request.headers['if-none-match'] === etag) response.writeHead(304, all).end()
    else response.writeHead(200, all).end(png)
  }

  async getImage(name: string, part: string, query: URLSearchParams): Promise<unknown> {
    if (part === 'document') return this.folder.reply(name)
    if (part === 'candidates') return this.candidates(name)
    if (part === 'log') {
      const after = Number(query.get('after') ?? 0)
      if (!Number.isInteger(after) || after < 0) throw new HttpError(400, 'after takes a whole number from 0')
      return this.folder.entriesAfter(name, after)
    }
    throw new HttpError(404, `there is no ${part} of an image`)
  }

  /** The file as it is: the page reads it. */
  private async candidates(name: string): Promise<string> {
    this.folder.imagePath(name)
    try {
      return await readFile(projectFile.candidates(this.folder.dir, name), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        throw new HttpError(404, 'this image has no candidates to filter: `wgsam generate` writes them')
      throw error
    }
  }

  async postImage(name: string, part: string, body: unknown): Promise<unknown> {
    if (part === 'actions') {
      const result = await this.folder.act(name, posted(Act, body)).catch((error: unknown) => {
        throw error instanceof DoesNotFit ? new HttpError(400, error.message) : error
      })
      if ('entry' in result) return result
      const reply: ConflictReply = {
        error: result.conflict.length
          ? 'another window has changed this image'
          : 'the log of this image is shorter than this window knows: load it anew',
        entries: result.conflict,
      }
      throw new HttpError(409, reply.error, { entries: reply.entries })
    }
    if (part !== 'encode' && part !== 'prompt') throw new HttpError(404, `nothing is posted to ${part}`)
    const { session, folder } = this
    if (!session) throw new HttpError(503, 'this server has no model: start it without --no-model to add by prompts')
    const image = { name, path: folder.imagePath(name) }
    if (part === 'prompt') {
      return session.prompt(image, folder.info(name), posted(Prompt, body))
    }
    const { next } = posted(Encode, body)
    const ms = await session.encode(image)
    if (next !== undefined && next !== name && folder.has(next))
      session.encodeAhead({ name: next, path: folder.imagePath(next) })
    return { encoded: true, ms } satisfies EncodeReply
  }
}
