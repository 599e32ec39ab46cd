/**
 * @file The model behind the review page: encodes each image once and decodes prompts, one job at a time, with what a person
 * waits for first. A failed GPU is reported, and the model is loaded again at the next request.
 */
import { MaskScaler } from '../../engine/masks/mask-scaler'
import { maskArea } from '../../engine/masks/mask'
import { encodeMask } from '../../engine/masks/rle'
import { Predictor } from '../../engine/sam/predictor'
import { decodePrompts, isAmbiguous, slotsFor } from '../../engine/sam/prompt-masks'
import type { SamModel } from '../../engine/sam/sam-model'
import type { Size } from '../../engine/image/size'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { messageOf, UserError } from '../host/errors'
import { checkPrompt } from '../model/segment-image'
import { HttpError } from '../host/local-http'
import { Lru } from './lru'
import type { PromptReply, PromptRequest, ServerInfo } from './protocol'
import { WorkQueue } from './work-queue'

export interface ImageFile {
  name: string
  path: string
}

export interface LoadedModel {
  model: SamModel
  /** Releases the model's device, which may have been lost. */
  close(): void
}

export interface PromptSessionOptions {
  model: NonNullable<ServerInfo['model']>
  /** Loads the model; called when it is first needed, and again after the device was lost. */
  load(): Promise<LoadedModel>
  /** Memory for embeddings in bytes, 512 MiB by default; at input size 1024 an image takes 4 MiB. */
  embeddingBytes?: number
}

/** The maximum number of points of a prompt: the decoder is recorded for that many points and a box. */
const MAX_POINTS = 16

/** Default stability_score_offset of Meta's segment-anything, in logits. */
const STABILITY_OFFSET = 1

export class PromptSession {
  readonly model: NonNullable<ServerInfo['model']>
  private readonly embeddings: Lru<Float32Array>
  private readonly queue = new WorkQueue()
  private readonly encoding = new Map<string, Promise<number>>()
  private loaded: (LoadedModel & { predictor: Predictor }) | null = null
  /** The image whose embedding the predictor holds. */
  private current: string | null = null

  constructor(private readonly options: PromptSessionOptions) {
    this.model = options.model
    this.embeddings = new Lru(options.embeddingBytes ?? 512 * 2 ** 20)
  }

  /** Whether an image's embedding is in memory. */
  encoded(name: string): boolean {
    return this.embeddings.has(name)
  }

  /** Loads the model ahead of the first request. @throws HttpError 503 if it cannot be loaded */
  warm(): Promise<unknown> {
    return this.queue.run('soon', () => this.guarded(() => this.predictor()))
  }

  /**
   * Encodes an image.
   * @returns the encoding time in milliseconds; 0 if the embedding was in memory
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
   * The masks for a prompt. Of a window's queued prompts, only the newest is decoded.
   * @throws HttpError 409 for the replaced ones, 400 if the prompt is not valid, 503 if the model is not available
   */
  async prompt(image: ImageFile, size: Size, prompt: PromptRequest): Promise<PromptReply> {
    if (prompt.points.length > MAX_POINTS)
      throw new HttpError(400, `a prompt has at most ${MAX_POINTS} points: add the mask and correct it with the brush`)
    try {
      checkPrompt(prompt, size)
    } catch (error) {
      throw new HttpError(400, messageOf(error))
    }
    const work = () =>
      this.guarded(async (): Promise<PromptReply> => {
        const predictor = await this.predictor()
        const encodedNow = (await this.hold(predictor, image)) > 0
        const start = performance.now()
        const [segments] = await decodePrompts(predictor, size, [prompt], isAmbiguous(prompt))
        const { maskSide, inputSize } = predictor.model
        const scaler = new MaskScaler(maskSide, inputSize, size)
        const masks = segments.map(({ logits, predictedIou }) => {
          const mask = scaler.mask(logits)
          return { mask, predictedIou, stability: stability(scaler, logits) }
        })
        const ms = performance.now() - start
        return {
          masks: masks
            .filter(({ mask }) => maskArea(mask) > 0)
            .map(({ mask, ...measures }) => ({ segmentation: encodeMask(mask, size), ...measures })),
          ms,
          encodedNow,
        }
      })
    return this.queue.run('first', work, prompt.window)
  }

  /** Waits for the running job and releases the device. */
  async close(): Promise<void> {
    await this.queue.close()
    this.drop()
  }

  /** Requests for the same image share one job, except that a waiting person never shares a job of lowest priority. */
  private encodeBy(priority: 'soon' | 'ahead', image: ImageFile): Promise<number> {
    if (this.encoded(image.name)) return Promise.resolve(0)
    const awaited = this.encoding.get(image.name)
    if (awaited) return awaited
    const work = () => this.guarded(async () => this.hold(await this.predictor(), image))
    if (priority === 'ahead') return this.queue.run(priority, work)
    const job = this.queue.run(priority, work).finally(() => this.encoding.delete(image.name))
    this.encoding.set(image.name, job)
    return job
  }

  private async predictor(): Promise<Predictor> {
    if (!this.loaded) {
      const loaded = await this.options.load()
      const slots = slotsFor({ points: Array(MAX_POINTS), box: [0, 0, 0, 0] })
      const predictor = await Predictor.create(loaded.model, { prompts: 1, slots })
      this.loaded = { ...loaded, predictor }
    }
    return this.loaded.predictor
  }

  /** Loads the image's embedding into the predictor. @returns the encoding time in ms; 0 if it was in memory */
  private async hold(predictor: Predictor, { name, path }: ImageFile): Promise<number> {
    if (this.current === name) return 0
    const kept = this.embeddings.get(name)
    if (kept) {
      predictor.setEmbedding(kept)
      this.current = name
      return 0
    }
    const start = performance.now()
    const image = await readImage(path)
    this.current = null
    predictor.setImage({ width: image.width, height: image.height, rgb: toRGB8(image) })
    const embedding = await predictor.embedding()
    this.embeddings.set(name, embedding, embedding.byteLength)
    this.current = name
    return performance.now() - start
  }

  /** Turns failures into HttpErrors; after a device failure the model is dropped, and the next request loads it again. */
  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof HttpError) throw error
      const { message } = error as Error
      if (error instanceof UserError) throw new HttpError(this.loaded ? 422 : 503, message)
      this.drop()
      throw new HttpError(503, `the model has failed: ${message}. The next request loads it again`)
    }
  }

  private drop(): void {
    this.current = null
    try {
      this.loaded?.predictor.destroy()
      this.loaded?.close()
    } catch {
      // a lost device has nothing to release
    }
    this.loaded = null
  }
}

/** #(logit > offset) / #(logit > -offset) at the image's size; 0 if the denominator is. */
function stability(scaler: MaskScaler, logits: Float32Array): number {
  const above = (threshold: number) => maskArea(scaler.mask(logits.map((value) => value - threshold)))
  const wide = above(-STABILITY_OFFSET)
  return wide ? above(STABILITY_OFFSET) / wide : 0
}
