/**
 * @file The model behind the review page: encodes each image, or each of its tiles, once and decodes prompts, one job at a time,
 * with what a person waits for first. A failed GPU is reported, and the model is loaded again at the next request.
 */
import type { Mask } from '../../engine/masks/mask'
import { Predictor } from '../../engine/sam/predictor'
import { slotsFor } from '../../engine/sam/prompt-masks'
import type { SamModel } from '../../engine/sam/sam-model'
import type { Size } from '../../engine/image/size'
import type { SimilarPlace } from '../../engine/similar/feature-map'
import { type DiameterBand, wholeView } from '../../engine/scale/view'
import { messageOf, UserError } from '../host/errors'
import { checkPrompt, MAX_POINTS } from '../model/segment-image'
import { HttpError } from '../host/http-error'
import { answerPrompt } from './answer-prompt'
import { EncodedParts, type ImageFile, type ReadPixels } from './encoded-parts'
import type { BusyReply, PromptReply, PromptRequest, ServerInfo } from './protocol'
import { requestMask } from './request-masks'
import { type SimilarMask, SimilarSearch } from './similar-search'
import type { ViewOf } from './prompt-views'
import { type GiveWay, WorkQueue } from './work-queue'

export interface LoadedModel {
  model: SamModel
  /** The particle sizes that it knows; those of a model without an adapter if absent. */
  band?: DiameterBand
  /** Releases the model's device, which may have been lost. */
  close(): void
}

export interface PromptSessionOptions {
  model: NonNullable<ServerInfo['model']>
  /** Loads the model; called when it is first needed, and again after the device was lost. */
  load(): Promise<LoadedModel>
  /** Reads an image, as `readPixels` of files. */
  read: ReadPixels
  /** The parts in which an image is seen; the whole image if absent. */
  viewOf?: ViewOf | null
  /** Memory for embeddings in bytes, 512 MiB by default; at input size 1024 an image or tile takes 4 MiB. */
  embeddingBytes?: number
  /** The next image is encoded after this time without requests: 2000 ms by default. */
  idleMs?: number
}

export class PromptSession {
  readonly model: NonNullable<ServerInfo['model']>
  private readonly parts: EncodedParts
  private readonly queue: WorkQueue
  private readonly encoding = new Map<string, Promise<number>>()
  /** The image that is being encoded ahead. */
  private ahead: { name: string; job: Promise<number> } | null = null
  private loaded:
    | (LoadedModel & {
        predictor: Predictor
        /** Decodes prompts that come with a mask; made when the first one comes. */
        masked: Predictor | null
      })
    | null = null
  /** Images that are seen in tiles: nothing can be encoded before a prompt says in which. */
  private readonly tiled = new Set<string>()
  private now: BusyReply['doing'] = null
  private tiles: BusyReply['tiles'] | null = null

  constructor(private readonly options: PromptSessionOptions) {
    this.model = options.model
    this.parts = new EncodedParts(options.embeddingBytes ?? 512 * 2 ** 20, options.read)
    this.queue = new WorkQueue(options.idleMs ?? 2000)
  }

  /** Whether the model runs on the processor; undefined before it is loaded. */
  get software(): boolean | undefined {
    return this.loaded?.model.engine.software
  }

  /** Whether an image's embedding is in memory, or none is made before a prompt because the image is seen in tiles. */
  encoded(name: string): boolean {
    return this.tiled.has(name) || this.parts.has(name, null)
  }

  /** What the GPU is doing, for a person who waits; nothing, if only prompts. */
  get doing(): BusyReply {
    return { doing: this.now, ...(this.tiles && { tiles: this.tiles }) }
  }

  /** Loads the model ahead of the first request. @throws HttpError 503 if it cannot be loaded */
  warm(): Promise<unknown> {
    return this.queue.run('soon', () => this.guarded(() => this.predictor()))
  }

  /**
   * Encodes an image, unless it is seen in tiles.
   * @returns the encoding time in milliseconds; 0 if nothing was encoded
   * @throws HttpError 503 if the model is not available
   */
  encode(image: ImageFile): Promise<number> {
    return this.encodeBy('soon', image)
  }

  /** Encodes an image when the queue is empty; replaces an earlier such request that has not started. */
  encodeAhead(image: ImageFile): void {
    if (!this.encoded(image.name)) this.encodeBy('ahead', image).catch(() => {}) // reported when the image is requested
  }

  /**
   * The masks for a prompt. Of a window's queued prompts only the newest is decoded, except that each prompt with the purpose
   * 'take' is. A prompt with the purpose 'hover' waits for all others, and gives no masks where an encoding would be needed.
   * @throws HttpError 409 for the replaced ones, 400 if the prompt is not valid, 503 if the model is not available
   */
  async prompt(image: ImageFile, size: Size, request: PromptRequest): Promise<PromptReply> {
    const { points, box, purpose, window } = request
    const mask = request.mask && requestMask('the mask to correct', request.mask, size)
    const prompt = { points, box, ...(mask && { mask }) }
    if (points.length > MAX_POINTS)
      throw new HttpError(400, `a prompt has at most ${MAX_POINTS} points: add the mask and correct it with the brush`)
    try {
      checkPrompt(prompt, size)
    } catch (error) {
      throw new HttpError(400, messageOf(error))
    }
    const hovering = purpose === 'hover'
    // its own encoding gives way to prompts, but this prompt needs it
    if (this.ahead?.name === image.name && !hovering) await this.ahead.job.catch(() => {})
    const work = () =>
      this.guarded(async (): Promise<PromptReply> => {
        if (hovering && !this.loaded) return { masks: [], ms: 0, encodedNow: false }
        const predictor = await this.predictor()
        const { inputSize } = predictor.model
        const view = this.viewOf(image.name, inputSize) ?? wholeView(size, inputSize)
        const decoder = mask ? await this.withMasks() : predictor
        return answerPrompt(decoder, prompt, size, view, async (part) => {
          if (hovering && !this.parts.has(image.name, part)) return null
          return this.encodingNow(() => this.parts.hold(predictor, image, part))
        })
      })
    return this.queue.run(hovering ? 'hover' : 'first', work, purpose === 'take' ? undefined : window)
  }

  /**
   * Places that look like example masks, the most similar first. Prompts are answered in between.
   * @param signal ends the search after the tile that is being encoded
   * @throws HttpError 400 if no example is usable, 409 if it was cancelled, 503 if the model is not available
   */
  similarPlaces(
    image: ImageFile,
    size: Size,
    examples: readonly Mask[],
    signal?: AbortSignal,
  ): Promise<SimilarPlace[]> {
    const work = async (search: SimilarSearch, giveWay: GiveWay) => {
      try {
        return await search.places(examples, giveWay, (done, total) => {
          this.tiles = total > 1 ? { done, total } : null
        })
      } finally {
        this.tiles = null
      }
    }
    return this.search(image, size, work, signal)
  }

  /** The masks at such places that look most like the examples; null where none does. @throws HttpError as similarPlaces */
  similarMasks(
    image: ImageFile,
    size: Size,
    examples: readonly Mask[],
    points: readonly { x: number; y: number }[],
    signal?: AbortSignal,
  ): Promise<(SimilarMask | null)[]> {
    return this.search(image, size, (search, giveWay) => search.masks(examples, points, giveWay), signal)
  }

  private search<T>(
    image: ImageFile,
    size: Size,
    work: (search: SimilarSearch, giveWay: GiveWay) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const checkCancelled = () => {
      if (signal?.aborted) throw new HttpError(409, 'the search was cancelled')
    }
    return this.queue.run('soon', (giveWay) =>
      this.guarded(async () => {
        checkCancelled()
        const predictor = await this.predictor()
        const view = this.viewOf(image.name, predictor.model.inputSize) ?? wholeView(size, predictor.model.inputSize)
        this.now = 'looking for similar particles'
        const search = new SimilarSearch(predictor, this.parts, image, size, view)
        return work(search, async () => {
          await giveWay()
          checkCancelled()
          if (this.loaded?.predictor !== predictor) throw new HttpError(409, 'the model was loaded again')
          this.now = 'looking for similar particles'
        })
      }).finally(() => (this.now = null)),
    )
  }

  /** Waits for the running job and releases the device. */
  async close(): Promise<void> {
    await this.queue.close()
    this.drop()
  }

  /** Requests for the same image share one job, except that a person never waits for a job ahead that has not begun. */
  private encodeBy(priority: 'soon' | 'ahead', image: ImageFile): Promise<number> {
    const { name } = image
    if (this.encoded(name)) return Promise.resolve(0)
    const awaited = this.encoding.get(name) ?? (this.ahead?.name === name ? this.ahead.job : undefined)
    if (awaited) return awaited
    const isTiled = (predictor: Predictor) => {
      if (!this.viewOf(name, predictor.model.inputSize)?.tileSize) return false
      this.tiled.add(name)
      return true
    }
    if (priority === 'ahead')
      return this.queue.run('ahead', (giveWay) => {
        const job = this.guarded(async () => {
          const predictor = await this.predictor()
          if (isTiled(predictor)) return 0
          this.now = 'encoding the next image'
          return this.parts.holdInParts(predictor, image, async () => {
            await giveWay()
            this.now = 'encoding the next image'
            // a prompt may have lost the device, and another have loaded the model again
            if (this.loaded?.predictor !== predictor) throw new HttpError(409, 'the model was loaded again')
          })
        }).finally(() => (this.ahead = this.now = null))
        this.ahead = { name, job }
        return job
      })
    const work = () =>
      this.guarded(async () => {
        const predictor = await this.predictor()
        return isTiled(predictor) ? 0 : this.encodingNow(() => this.parts.hold(predictor, image, null))
      })
    const job = this.queue.run(priority, work).finally(() => this.encoding.delete(name))
    this.encoding.set(name, job)
    return job
  }

  private async encodingNow(hold: () => Promise<number>): Promise<number> {
    this.now = 'encoding this image'
    try {
      return await hold()
    } finally {
      this.now = null
    }
  }

  private async predictor(): Promise<Predictor> {
    if (!this.loaded) {
      this.now = 'loading the model'
      const loaded = await this.options.load()
      const slots = slotsFor({ points: Array(MAX_POINTS), box: [0, 0, 0, 0] })
      const predictor = await Predictor.create(loaded.model, { prompts: 1, slots })
      this.loaded = { ...loaded, predictor, masked: null }
      this.now = null
    }
    return this.loaded.predictor
  }

  /** Decodes prompts that come with a mask, on what the loaded predictor holds. */
  private async withMasks(): Promise<Predictor> {
    const loaded = this.loaded!
    return (loaded.masked ??= await loaded.predictor.withMasks())
  }

  private viewOf(name: string, inputSize: number) {
    return this.options.viewOf?.(name, inputSize, this.loaded?.band)
  }

  /** Turns failures into HttpErrors; after a device failure the model is dropped, and the next request loads it again. */
  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.now = null
      if (error instanceof HttpError) throw error
      const { message } = error as Error
      if (error instanceof UserError) throw new HttpError(this.loaded ? 422 : 503, message)
      this.drop()
      throw new HttpError(503, `the model has failed: ${message}. The next request loads it again`)
    }
  }

  private drop(): void {
    this.parts.forget()
    try {
      this.loaded?.masked?.destroy()
      this.loaded?.predictor.destroy()
      this.loaded?.close()
    } catch {
      // a lost device has nothing to release
    }
    this.loaded = null
  }
}
