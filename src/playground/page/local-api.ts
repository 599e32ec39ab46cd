/** @file The review page's back end without a server: documents are in the browser's database, the model is in a worker. */
import type { MaskClass } from '../../project/review/classes'
import { InvalidEntryError } from '../../project/review/document'
import { messageOf } from '../../host/errors'
import { particlesOf } from '../../review/accepted-sizes'
import { ApiError } from '../../review/page/api'
import type { ConflictReply, ServerInfo } from '../../review/protocol'
import type { ReviewApi } from '../../review/review-api'
import { version } from '../../../package.json'
import { read, setValue } from '../store/database'
import type { LocalReview } from '../store/local-review'
import { ask } from './worker-client'

export interface LocalApiOptions {
  /** What the review shows about the model; null while there is none. */
  model(): ServerInfo['model']
  /** The diameter of an image's particles in its pixels, if a person stated it. */
  diameter(name: string): number | null
  /** Receives the time of an encoding in milliseconds. */
  onEncoded(ms: number): void
}

export function localApi(review: LocalReview, { model, diameter, onEncoded }: LocalApiOptions): ReviewApi {
  /** Images whose embeddings are in the worker's memory. */
  const encoded = new Set<string>()
  const refused = (status: number, message: string, body: unknown = null) => new ApiError(status, message, body)
  const pictureFor = async (name: string) => {
    if (!model()) throw refused(503, 'there is no model: choose one first')
    return review.picture(name, diameter(name))
  }
  return {
    session: async () => ({ folder: 'this browser', version, annotator: null, model: model(), home: false }),
    images: async () =>
      review.summaries.map((summary) => ({
        ...summary,
        encoded: model() !== null && encoded.has(review.id(summary.info.name)),
      })),
    pixels: (name) => review.pixels(name),
    infoBar: async () => {
      throw refused(404, 'no info bar was cut off this image')
    },
    classes: async () => ((await read('values', 'classes')) as MaskClass[] | undefined) ?? [],
    setClasses: async (classes) => {
      await setValue('classes', classes)
      return [...classes]
    },
    acceptedSizes: async () =>
      review.summaries
        .filter(({ state }) => state === 'accepted')
        .map(({ info: { name, pixelSize } }) => ({
          name,
          metres: pixelSize?.metres ?? null,
          particles: particlesOf(review.document(name)),
        })),
    setPixelSize: async ({ images, size }) => {
      await review.setPixelSize(images, size)
      return {}
    },
    document: async (name) => review.history(name),
    log: async (name, after) => review.entriesAfter(name, after),
    candidates: async (name) => {
      const file = await review.candidates(name)
      if (!file) throw refused(404, 'this image has no candidates to filter: let the model propose masks first')
      return file
    },
    act: async (name, request) => {
      const result = await review.act(name, request).catch((error: unknown) => {
        throw error instanceof InvalidEntryError ? refused(400, error.message) : storageError(error)
      })
      if ('entry' in result) return result
      const reply: ConflictReply = { error: 'this image has changed: it is loaded again', entries: result.conflict }
      throw refused(409, reply.error, reply)
    },
    encode: async (name, { next }, signal) => {
      const picture = await pictureFor(name)
      const ahead = next === undefined ? undefined : await pictureFor(next)
      const ms = await ask('encode', { picture, next: ahead }, { signal })
      encoded.add(picture.id)
      if (ms > 0) onEncoded(ms)
      return { encoded: true, ms }
    },
    prompt: async (name, prompt, signal) => ask('prompt', { picture: await pictureFor(name), prompt }, { signal }),
    similar: async (name, request, signal) =>
      ask('similar', { picture: await pictureFor(name), ...request }, { signal }),
    similarMasks: async (name, request, signal) =>
      ask('similarMasks', { picture: await pictureFor(name), ...request }, { signal }),
    busy: () => ask('busy', null),
    export: () => Promise.reject(refused(404, 'this page exports by its own panel')),
  }
}

/** An error of the database in words. The review tries again, because only those below 500 are final. */
function storageError(error: unknown): Error {
  const full = error instanceof DOMException && error.name === 'QuotaExceededError'
  return new ApiError(
    507,
    full ? 'the browser has no more room: download your masks, then remove images' : messageOf(error),
    null,
  )
}
