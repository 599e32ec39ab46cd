/**
 * @file The model behind the review page: encodes each image, or each of its tiles, once and decodes prompts, one job at a time,
 * with what a person waits for first. A failed GPU is reported, and the model is loaded again at the next request.
 */
import { type Region, regionKey, regionSize, sameRegion, wholeRegion } from '../../engine/image/box'
import { cropImage, type RgbImage } from '../../engine/image/rgb-image'
import { MaskScaler } from '../../engine/masks/mask-scaler'
import { maskArea } from '../../engine/masks/mask'
import { encodeMask } from '../../engine/masks/rle'
import { Predictor } from '../../engine/sam/predictor'
import { decodePrompts, isAmbiguous, slotsFor } from '../../engine/sam/prompt-masks'
import type { SamModel } from '../../engine/sam/sam-model'
import type { Size } from '../../engine/image/size'
import { completeMasks } from '../../engine/scale/complete-masks'
import { inRegion, isCut, maskInImage, predictInParts } from '../../engine/scale/prompt-parts'
import { type DiameterBand, wholeView } from '../../engine/scale/view'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { messageOf, UserError } from '../host/errors'
import { checkPrompt } from '../model/segment-image'
import { HttpError } from '../host/local-http'
import { Lru } from './lru'
import type { PromptReply, PromptRequest, ServerInfo } from './protocol'
import type { ViewOf } from './prompt-views'
import { WorkQueue } from './work-queue'

export interface ImageFile {
  name: string
  path: string
}

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
  /** The parts in which an image is seen; the whole image if absent. */
  viewOf?: ViewOf | null
  /** Memory for embeddings in bytes, 512 MiB by default; at input size 1024 an image or tile takes 4 MiB. */
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
  /** The key of the embedding that the predictor holds, see keyOf. */
  private current: string | null = null
  /** Images that are seen in tiles: nothing can be encoded before a prompt says in which. */
  private readonly tiled = new Set<string>()
  /** The image whose tiles are encoded. */
  private pixels: { name: string; image: RgbImage } | null = null

  constructor(private readonly options: PromptSessionOptions) {
    this.model = options.model
    this.embeddings = new Lru(options.embeddingBytes ?? 512 * 2 ** 20)
  }

  /** Whether the model runs on the processor; undefined before it is loaded. */
  get software(): boolean | undefined {
    return this.loaded?.model.engine.software
  }

  /** Whether an image's embedding is in memory, or none is made before a prompt because the image is seen in tiles. */
  encoded(name: string): boolean {
    return this.tiled.has(name) || this.embeddings.has(keyOf(name, null))
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
        const { maskSide, inputSize } = predictor.model
        const view = this.viewOf(image.name, inputSize) ?? wholeView(size, inputSize)
        let encodedNow = false
        let ms = 0
        const [masks] = await predictInParts(size, [prompt], view, maskSide, async (region, [own]) => {
          const part = sameRegion(region, wholeRegion(size)) ? null : region
          if ((await this.hold(predictor, image, part)) > 0) encodedNow = true
          const start = performance.now()
          const partSize = regionSize(region)
          const [segments] = await decodePrompts(predictor, partSize, [inRegion(own, region)], isAmbiguous(own))
          const scaler = new MaskScaler(maskSide, inputSize, partSize)
          const found = segments.map(({ logits, predictedIou }) => ({
            mask: maskInImage(scaler.mask(logits), region),
            predictedIou,
            stability: stability(scaler, logits),
          }))
          ms += performance.now() - start
          return [completeMasks(found, ({ mask }) => isCut(mask, region, size, maskSide))]
        })
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
    const work = () =>
      this.guarded(async () => {
        const predictor = await this.predictor()
        if (!this.viewOf(image.name, predictor.model.inputSize)?.tileSize) return this.hold(predictor, image, null)
        this.tiled.add(image.name)
        return 0
      })
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

  private viewOf(name: string, inputSize: number) {
    return this.options.viewOf?.(name, inputSize, this.loaded?.band)
  }

  /**
   * Loads the embedding of an image or a part of it into the predictor.
   * @param region null for the whole image
   * @returns the encoding time in ms; 0 if it was in memory
   */
  private async hold(predictor: Predictor, image: ImageFile, region: Region | null): Promise<number> {
    const key = keyOf(image.name, region)
    if (this.current === key) return 0
    const kept = this.embeddings.get(key)
    if (kept) {
      predictor.setEmbedding(kept)
      this.current = key
      return 0
    }
    const start = performance.now()
    const whole = await this.read(image, region !== null)
    this.current = null
    predictor.setImage(region ? { ...regionSize(region), rgb: cropImage(whole, region) } : whole)
    const embedding = await predictor.embedding()
    this.embeddings.set(key, embedding, embedding.byteLength)
    this.current = key
    return performance.now() - start
  }

  /** @param keep keep the pixels until those of another image are kept, because more of its tiles will follow */
  private async read({ name, path }: ImageFile, keep: boolean): Promise<RgbImage> {
    if (this.pixels?.name === name) return this.pixels.image
    const read = await readImage(path)
    const image = { width: read.width, height: read.height, rgb: toRGB8(read) }
    if (keep) this.pixels = { name, image }
    return image
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

/** A text for each image, or part of an image. */
const keyOf = (name: string, region: Region | null): string => `${region ? regionKey(region) : 'whole'} ${name}`

/** #(logit > offset) / #(logit > -offset) at the image's size; 0 if the denominator is. */
function stability(scaler: MaskScaler, logits: Float32Array): number {
  const above = (threshold: number) => maskArea(scaler.mask(logits.map((value) => value - threshold)))
  const wide = above(-STABILITY_OFFSET)
  return wide ? above(STABILITY_OFFSET) / wide : 0
}
