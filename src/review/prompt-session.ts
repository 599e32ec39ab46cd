/**
 * @file The model behind the review page: images are encoded once, one at a time, and prompts answered in the order in
 * which a person waits for them. A GPU that stops is said so, and the model loaded anew when it is asked again.
 */
import { MaskScaler } from '../../engine/masks/from-logits'
import type { Mask } from '../../engine/masks/mask'
import { encodeMask } from '../../engine/masks/rle'
import { Predictor } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { Size } from '../../engine/image/transforms'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { messageOf, UserError } from '../host/errors'
import { checkPrompt, decodePrompt, isAmbiguous, slotsFor } from '../model/segment-image'
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
  /** Gives the model's device back; it may have been lost. */
  close(): void
}

export interface PromptSessionOptions {
  model: NonNullable<ServerInfo['model']>
  /** Loads it; called when it is first needed, and again after the device was lost. */
  load(): Promise<LoadedModel>
  /** Bytes of embeddings kept: 512 MiB by default, an image of 1024 has 4 MiB. */
  keep?: number
}

/** Points of one prompt; the decoder's passes are recorded for so many, and a box. */
const MAX_POINTS = 16

/** The reference's stability_score_offset, in logits. */
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
    this.embeddings = new Lru(options.keep ?? 512 * 2 ** 20)
  }

  /** Whether an image's embedding is in memory. */
  encoded(name: string): boolean {
    return this.embeddings.has(name)
  }

  /** Loads the model before it is asked for. @throws HttpError as all others here */
  warm(): Promise<unknown> {
    return this.queue.run('soon', () => this.guarded(() => this.predictor()))
  }

  /** Milliseconds that encoding took; 0 where it was done. @throws HttpError 503 where the model cannot be had */
  encode(image: ImageFile): Promise<number> {
    return this.encodeBy('soon', image)
  }

  /** Encodes an image when nothing else is wanted; an earlier one that has not begun is left. */
  encodeAhead(image: ImageFile): void {
    if (!this.encoded(image.name)) this.encodeBy('ahead', image).catch(() => {}) // said when it is asked for
  }

  /**
   * The masks of a prompt. Of a window's prompts that wait only the newest is answered.
   * @throws HttpError 409 for the others, 400 where the prompt does not fit, 503 where the model cannot be had
   */
  async prompt(image: ImageFile, size: Size, prompt: PromptRequest): Promise<PromptReply> {
    if (prompt.points.length > MAX_POINTS)
      throw new HttpError(400, `a prompt has at most ${MAX_POINTS} points: take the mask and mend it with the brush`)
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
        const segments = await decodePrompt(predictor, size, prompt, isAmbiguous(prompt))
        const { maskSide, inputSize } = predictor.model
        const scaler = new MaskScaler(maskSide, inputSize, size)
        const masks = segments.map(({ logits, predictedIou }) => {
          const mask = scaler.mask(logits)
          return { mask, predictedIou, stability: stability(scaler, logits) }
        })
        const ms = performance.now() - start
        return {
          masks: masks
            .filter(({ mask }) => area(mask) > 0)
            .map(({ mask, ...measures }) => ({ segmentation: encodeMask(mask, size), ...measures })),
          ms,
          encodedNow,
        }
      })
    return this.queue.run('first', work, prompt.window)
  }

  /** Lets the work in hand end and gives the device back. */
  async close(): Promise<void> {
    await this.queue.close()
    this.drop()
  }

  /** Work that waits for the same image is shared, but one who waits is not put behind an image that is encoded ahead. */
  private encodeBy(order: 'soon' | 'ahead', image: ImageFile): Promise<number> {
    if (this.encoded(image.name)) return Promise.resolve(0)
    const awaited = this.encoding.get(image.name)
    if (awaited) return awaited
    const work = () => this.guarded(async () => this.hold(await this.predictor(), image))
    if (order === 'ahead') return this.queue.run(order, work)
    const job = this.queue.run(order, work).finally(() => this.encoding.delete(image.name))
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

  /** Has the predictor hold the image's embedding. @returns milliseconds of encoding, 0 where it was in memory */
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

  /** What fails is said in words; a device that has failed is left, and the next to ask gets a new one. */
  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof HttpError) throw error
      const { message } = error as Error
      if (error instanceof UserError) throw new HttpError(this.loaded ? 422 : 503, message)
      this.drop()
      throw new HttpError(503, `the model has failed: ${message}; asked again, it is loaded anew`)
    }
  }

  private drop(): void {
    this.current = null
    try {
      this.loaded?.predictor.destroy()
      this.loaded?.close()
    } catch {
      // a lost device has nothing to give back
    }
    this.loaded = null
  }
}

const area = ({ data }: Mask): number => data.reduce((sum, inside) => sum + inside, 0)

/** #(logit > offset) / #(logit > -offset) in the image's size; 0 where there are none. */
function stability(scaler: MaskScaler, logits: Float32Array): number {
  const above = (threshold: number) => area(scaler.mask(logits.map((value) => value - threshold)))
  const wide = above(-STABILITY_OFFSET)
  return wide ? above(STABILITY_OFFSET) / wide : 0
}
