/** @file Runs a model for inference: an image is encoded once, then prompted as often as wanted. */
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import type { Tensor } from '../device/tensor'
import { addScaled } from '../ops/pointwise'
import { MASK_TOKENS } from './mask-decoder'
import type { SamModel } from './sam-model'
import { promptLabel } from './prompt-labels'
import { toModelInput } from '../image/model-input'
import type { RgbImage } from '../image/rgb-image'

export interface PredictorOptions {
  /** Prompts decoded in one pass; more are done in several. Smaller where the adapter's bindings demand it. */
  prompts?: number
  /** Points and box corners a prompt, the most there can be. */
  slots?: number
  /** Whether prompts carry the logits of an earlier mask. */
  masks?: boolean
  /** Images a `setImages`. */
  images?: number
}

export interface PromptBatch {
  /** (P, N, 2) x, y in input pixels. */
  coords: Float32Array
  /** (P, N), see `promptLabel`; absent entries come last in their prompt. */
  labels: Int32Array
  /** (P): which of the images; all 0 by default. */
  imageIndex?: Uint32Array
  /** (P, maskSide, maskSide) logits of earlier masks, where the predictor was made for them. */
  masks?: Float32Array
}

export interface Prediction {
  /** (P, 4, maskSide²): logits of the four mask tokens. */
  logits: Float32Array
  /** (P, 4). */
  iou: Float32Array
}

export class Predictor {
  private constructor(
    readonly model: SamModel,
    readonly images: number,
    readonly prompts: number,
    readonly slots: number,
    private readonly encoder: Program,
    private readonly decoder: Program,
    private readonly t: Record<
      'raw' | 'sizes' | 'embedding' | 'coords' | 'labels' | 'imageIndex' | 'counts' | 'logits' | 'iou',
      Tensor
    > & {
      masks: Tensor | null
    },
  ) {}

  /** Records what the model is now: an adapter attached or merged later does not show. */
  static async create(model: SamModel, options: PredictorOptions = {}): Promise<Predictor> {
    const { engine, inputSize: size, side, maskSide } = model
    const { slots = 3, images = 1 } = options
    const dim = model.architecture.decoder.dim
    // the widest tensors of a prompt: the source tokens, the upscaled features and their four logits
    const bytes = 4 * side * side * Math.max(dim, 2 * dim, 16 * MASK_TOKENS)
    const prompts = Math.max(1, Math.min(options.prompts ?? 16, Math.floor(engine.maxBinding / bytes)))
    const embedding = engine.persistent('activation', 'image embedding', [images * side * side, dim])

    const e = new Graph(engine)
    const raw = e.input('raw images', [images, size, size, 3])
    const sizes = e.input('valid sizes', [images, 2])
    addScaled(e, model.encode(e, raw, sizes), { tensor: embedding, accumulate: 0 })

    const d = new Graph(engine)
    const coords = d.input('coords', [prompts, slots, 2])
    const labels = d.input('labels', [prompts, slots])
    const imageIndex = d.input('image index', [prompts])
    const counts = d.input('token counts', [prompts])
    const masks = options.masks ? d.input('mask prompts', [prompts, maskSide, maskSide]) : null
    const { logits, iou } = model.decode(d, embedding, { coords, labels, imageIndex, counts, masks })
    d.keep(logits)
    d.keep(iou)
    const tensors = { raw, sizes, embedding, coords, labels, imageIndex, counts, masks, logits, iou }
    return new Predictor(model, images, prompts, slots, await e.compile(), await d.compile(), tensors)
  }

  /** Of memory that it holds besides the model's. */
  get bytes(): number {
    return this.encoder.bytes + this.decoder.bytes + this.t.embedding.storage.bytes
  }

  /**
   * Resizes one image of any size to the model's input and submits its encoding; prompts are then predicted on it.
   * @throws Error if the predictor was made for several images, or the bytes do not fit the image's size
   */
  setImage({ rgb, width, height }: RgbImage): void {
    if (this.images !== 1) throw new Error(`this predictor encodes ${this.images} images at once: use setImages`)
    const { data, valid } = toModelInput(rgb, width, height, this.model.inputSize)
    this.setImages(data, Uint32Array.of(valid.height, valid.width))
  }

  /** Encodes images: raw (images, S, S, 3) on 0..255, and the valid height and width of each. */
  setImages(raw: Float32Array, sizes: Uint32Array): void {
    this.encoder.write(this.t.raw, raw)
    this.encoder.write(this.t.sizes, sizes)
    this.encoder.run()
  }

  /** The embedding (images·side², D) of the images set last. */
  embedding(): Promise<Float32Array> {
    return this.model.engine.read(this.t.embedding)
  }

  /** What a pass leaves on the GPU until the next: logits (prompts, 4, maskSide²) and iou (prompts, 4). */
  get results(): { logits: Tensor; iou: Tensor } {
    return { logits: this.t.logits, iou: this.t.iou }
  }

  /** Submits one pass of at most `prompts` prompts; `results` hold theirs first. Gives their number. @throws as predict */
  submit(batch: PromptBatch): number {
    const count = this.check(batch)
    if (count > this.prompts) throw new Error(`a pass takes ${this.prompts} prompts, not ${count}`)
    this.pass(batch, 0, count)
    return count
  }

  /** Puts an embedding that was read before in the place of encoding its images again. */
  setEmbedding(data: Float32Array): void {
    this.model.engine.write(this.t.embedding, data)
  }

  /** Masks of any number of prompts. Throws where entries, labels, images or masks do not fit the predictor. */
  async predict(batch: PromptBatch): Promise<Prediction> {
    const { prompts, t, decoder } = this
    const count = this.check(batch)
    const pixels = t.logits.size / prompts
    const logits = new Float32Array(count * pixels)
    const iou = new Float32Array(count * MASK_TOKENS)
    for (let start = 0; start < count; start += prompts) {
      const n = Math.min(prompts, count - start)
      this.pass(batch, start, n)
      logits.set((await decoder.read(t.logits)).subarray(0, n * pixels), start * pixels)
      iou.set((await decoder.read(t.iou)).subarray(0, n * MASK_TOKENS), start * MASK_TOKENS)
    }
    return { logits, iou }
  }

  /** The number of prompts in a batch. Throws where it does not fit. */
  private check(batch: PromptBatch): number {
    const { prompts, slots, t } = this
    const given = batch.coords.length / 2 / (batch.labels.length || 1) === 1 ? batch.labels.length : NaN
    const count = given / slots
    if (!Number.isInteger(count) || count < 1)
      throw new Error(
        `coords and labels must hold ${slots} entries a prompt: got ${batch.coords.length} and ${batch.labels.length}`,
      )
    if (!batch.coords.every(Number.isFinite)) throw new Error('a prompt has a coordinate that is not a finite number')
    const unknown = batch.labels.find((l) => l < promptLabel.absent || l > promptLabel.boxEnd)
    if (unknown !== undefined)
      throw new Error(`a prompt has the label ${unknown}: from ${promptLabel.absent} to ${promptLabel.boxEnd}`)
    if (batch.imageIndex && (batch.imageIndex.length !== count || batch.imageIndex.some((i) => i >= this.images)))
      throw new Error(`imageIndex must name one of the ${this.images} images for each of the ${count} prompts`)
    if (!!batch.masks !== !!t.masks)
      throw new Error('mask prompts must be given exactly where the predictor was made for them')
    if (
      batch.masks &&
      (batch.masks.length !== (count * t.masks!.size) / prompts || !batch.masks.every(Number.isFinite))
    )
      throw new Error(`mask prompts must be ${count} of [${t.masks!.shape.slice(1).join(', ')}] finite logits`)
    return count
  }

  /** Submits the n prompts from `start`. */
  private pass(batch: PromptBatch, start: number, n: number): void {
    const { prompts, slots, t, decoder } = this
    const coords = new Float32Array(prompts * slots * 2)
    const labels = new Int32Array(prompts * slots).fill(promptLabel.absent)
    const imageIndex = new Uint32Array(prompts)
    coords.set(batch.coords.subarray(start * slots * 2, (start + n) * slots * 2))
    labels.set(batch.labels.subarray(start * slots, (start + n) * slots))
    if (batch.imageIndex) imageIndex.set(batch.imageIndex.subarray(start, start + n))
    decoder.write(t.coords, coords)
    decoder.write(t.labels, labels)
    decoder.write(t.imageIndex, imageIndex)
    decoder.write(t.counts, tokenCounts(labels, slots))
    if (t.masks) {
      const one = t.masks.size / prompts
      const masks = new Float32Array(t.masks.size)
      masks.set(batch.masks!.subarray(start * one, (start + n) * one))
      decoder.write(t.masks, masks)
    }
    decoder.run()
  }

  destroy(): void {
    this.encoder.destroy()
    this.decoder.destroy()
    this.model.engine.release(this.t.embedding)
  }
}

/** Tokens of each prompt that are present, output tokens included. Throws where an absent entry is not last. */
export function tokenCounts(labels: Int32Array, slots: number): Uint32Array {
  const counts = new Uint32Array(labels.length / slots)
  for (let p = 0; p < counts.length; p++) {
    let n = slots
    while (n > 0 && labels[p * slots + n - 1] === promptLabel.absent) n--
    for (let i = 0; i < n; i++) {
      if (labels[p * slots + i] === promptLabel.absent)
        throw new Error(`prompt ${p}: an absent entry must come after the others`)
    }
    counts[p] = 1 + MASK_TOKENS + n
  }
  return counts
}
