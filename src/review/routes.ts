/** @file Handles the page's requests, one method for each kind of path. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GenericSchema } from 'valibot'
import { projectFile } from '../project/project'
import { version } from '../../package.json'
import { type Asset, sendAsset } from './page-files'
import { classesSchema, type MaskClass, readClasses, writeClasses } from '../project/review/classes'
import { InvalidEntryError } from '../project/review/document'
import { acceptedSizes } from './accepted-sizes'
import { exportAcceptedImages } from './export-dataset'
import { nextTraining } from './next-training'
import type { ReviewFolder } from '../project/review/review-folder'
import { HttpError } from '../host/http-error'
import { requestMask } from './request-masks'
import { headers } from '../host/local-http'
import { pathInside } from '../host/inside-folder'
import { PngCache } from './image-png'
import type {
  BusyReply,
  ConflictReply,
  EncodeReply,
  ExportReply,
  ImageSummary,
  PixelSizeRequest,
  ServerInfo,
  SimilarMasksReply,
  SimilarReply,
} from './protocol'
import { checkValue } from '../text/check-value'
import type { Size } from '../../engine/image/size'
import type { Mask } from '../../engine/masks/mask'
import type { CompressedRle } from '../../engine/masks/rle'
import { withoutPixels } from './similar-search'
import {
  actionRequestSchema,
  encodeRequestSchema,
  pixelSizeRequestSchema,
  promptRequestSchema,
  similarMasksRequestSchema,
  similarRequestSchema,
} from './request-schemas'
import type { PromptSession } from './prompt-session'
import { messageOf } from '../host/errors'

export interface Served {
  folder: ReviewFolder
  /** Null if the server has no model. */
  session: PromptSession | null
  /** The page's files, see readAssets. */
  assets: ReadonlyMap<string, Asset>
  /** Whether the page is part of `wgsam start`. */
  home?: boolean
}

/** A request body, checked. @throws HttpError 400 if it does not match the schema */
function posted<T>(schema: GenericSchema<unknown, T>, value: unknown): T {
  try {
    return checkValue(schema, value)
  } catch (error) {
    throw new HttpError(400, messageOf(error))
  }
}

/** Example masks, decoded. @throws HttpError as requestMask */
const masksOf = (examples: readonly CompressedRle[], size: Size): Mask[] =>
  examples.map((rle) => requestMask('an example', rle, size))

export class Routes {
  private readonly pictures = new PngCache()
  private exporting: Promise<unknown> = Promise.resolve()

  constructor(private readonly served: Served) {}

  private get folder(): ReviewFolder {
    return this.served.folder
  }

  known(name: string): void {
    if (!this.folder.has(name)) throw new HttpError(404, `there is no image named ${JSON.stringify(name)}`)
  }

  /** The path of an image's file. @throws UserError if it cannot be reviewed, or has become a link out of the folder */
  private imageFile(name: string): Promise<string> {
    return pathInside(this.folder.dir, this.folder.imagePath(name))
  }

  asset(path: string, response: ServerResponse): void {
    sendAsset(this.served.assets, path, response)
  }

  get(what: string): unknown {
    if (what === 'classes') return readClasses(this.folder.dir)
    if (what === 'accepted-sizes') return acceptedSizes(this.folder)
    if (what === 'images')
      return this.folder.summaries.map((summary): ImageSummary => ({
        ...summary,
        encoded: this.served.session?.encoded(summary.info.name) ?? false,
      }))
    if (what === 'session')
      return {
        folder: this.folder.dir,
        annotator: this.folder.annotator ?? null,
        version,
        model: this.served.session?.model ?? null,
        home: this.served.home ?? false,
      } satisfies ServerInfo
    if (what === 'busy') return (this.served.session?.doing ?? { doing: null }) satisfies BusyReply
    throw new HttpError(404, `there is no api/${what}`)
  }

  post(what: string, body: unknown): Promise<unknown> {
    if (what === 'classes') return this.setClasses(posted(classesSchema, body))
    if (what === 'pixel-size') return this.setPixelSize(posted(pixelSizeRequestSchema, body))
    if (what !== 'export') throw new HttpError(404, `there is no api/${what}`)
    const result = this.exporting.catch(() => {}).then(() => this.export())
    this.exporting = result
    return result
  }

  private async export(): Promise<ExportReply> {
    const { folder, session } = this.served
    if (folder.annotator !== undefined)
      throw new HttpError(
        400,
        'the dataset is exported from the first review, which `wgsam review` without --annotator opens',
      )
    const exported = await exportAcceptedImages(folder.dir)
    const model = session && { ...session.model, software: session.software }
    return { ...exported, next: await nextTraining(folder.dir, exported, model) }
  }

  private async setClasses(classes: MaskClass[]): Promise<MaskClass[]> {
    await writeClasses(this.folder.dir, classes)
    return classes
  }

  private async setPixelSize({ images, size }: PixelSizeRequest): Promise<object> {
    for (const name of images) this.known(name)
    await this.folder.setPixelSize(images, size)
    return {}
  }

  async pixels(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.picture(await this.imageFile(name), request, response)
  }

  async infoBar(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.imageFile(name)
    const path = projectFile.infoBar(this.folder.dir, name)
    if (!existsSync(path)) throw new HttpError(404, 'no info bar was cut off this image, or an earlier version did it')
    return this.picture(await pathInside(this.folder.dir, path), request, response)
  }

  private async picture(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { png, etag } = await this.pictures.get(path)
    const all = { ...headers, 'Content-Type': 'image/png', 'Cache-Control': 'no-cache', ETag: etag }
    if (request.headers['if-none-match'] === etag) response.writeHead(304, all).end()
    else response.writeHead(200, all).end(png)
  }

  async getImage(name: string, part: string, query: URLSearchParams): Promise<unknown> {
    if (part === 'document') return this.folder.history(name)
    if (part === 'candidates') return this.candidates(name)
    if (part === 'log') {
      const after = Number(query.get('after') ?? 0)
      if (!Number.isInteger(after) || after < 0) throw new HttpError(400, 'after must be a whole number, 0 or more')
      return this.folder.entriesAfter(name, after)
    }
    throw new HttpError(404, `there is no ${part} of an image`)
  }

  /** The unmodified text of the candidates file, which the page parses. */
  private async candidates(name: string): Promise<string> {
    this.folder.imagePath(name)
    try {
      return await readFile(await pathInside(this.folder.dir, projectFile.candidates(this.folder.dir, name)), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        throw new HttpError(404, 'this image has no candidates to filter: `wgsam generate` writes them')
      throw error
    }
  }

  /** @param gone is aborted when the page no longer waits for the reply */
  async postImage(name: string, part: string, body: unknown, gone: AbortSignal): Promise<unknown> {
    if (part === 'actions') {
      const result = await this.folder.act(name, posted(actionRequestSchema, body)).catch((error: unknown) => {
        throw error instanceof InvalidEntryError ? new HttpError(400, error.message) : error
      })
      if ('entry' in result) return result
      const reply: ConflictReply = {
        error: result.conflict.length
          ? 'another window has changed this image'
          : 'the log of this image is shorter than this window expects: reload the image',
        entries: result.conflict,
      }
      throw new HttpError(409, reply.error, { entries: reply.entries })
    }
    if (!['encode', 'prompt', 'similar', 'similar-masks'].includes(part))
      throw new HttpError(404, `nothing is posted to ${part}`)
    const { session, folder } = this.served
    if (!session)
      throw new HttpError(503, 'this server has no model: start it without --no-model to add masks by points and boxes')
    const image = { name, path: await this.imageFile(name) }
    if (part === 'prompt') {
      return session.prompt(image, folder.info(name), posted(promptRequestSchema, body))
    }
    if (part === 'similar') {
      const { examples } = posted(similarRequestSchema, body)
      const size = folder.info(name)
      const places = await session.similarPlaces(image, size, masksOf(examples, size), gone)
      return { places } satisfies SimilarReply
    }
    if (part === 'similar-masks') {
      const { examples, points } = posted(similarMasksRequestSchema, body)
      const size = folder.info(name)
      const masks = await session.similarMasks(image, size, masksOf(examples, size), points, gone)
      const checked = masks.map((one) => one && withoutPixels(one, size))
      return { masks: checked } satisfies SimilarMasksReply
    }
    const { next } = posted(encodeRequestSchema, body)
    const ms = await session.encode(image)
    if (next !== undefined && next !== name && folder.has(next))
      session.encodeAhead({ name: next, path: await this.imageFile(next) })
    return { encoded: true, ms } satisfies EncodeReply
  }
}
