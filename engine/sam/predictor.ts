/** @file Inference: an image is encoded once, then any number of prompts are decoded on its embedding. */
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import { firstNonFinite, NonFiniteError } from '../device/non-finite-error'
import type { Tensor } from '../device/tensor'
import { decodeFound, foundTotal } from '../ops/finite'
import { FiniteGuard } from '../ops/finite-guard'
import { addScaled } from '../ops/pointwise'
import { byteImageShape, expandBytes } from '../ops/preprocess'
import { MASK_TOKENS } from './mask-decoder'
import { checkBatch, type PromptBatch, tokenCounts } from './prompt-batch'
import type { SamModel } from './sam-model'
import { promptLabel } from './prompt-labels'
import { toModelBytes } from '../image/model-input'
import type { RgbImage } from '../image/rgb-image'

/** How many images and prompts a predictor takes at once, which decides its memory. */
export interface PredictorOptions {
  /**
   * Prompts decoded in one forward pass, 16 by default; `predict` runs as many passes as its prompts need. The number
   * is lowered if a pass would exceed the largest buffer binding of the GPU adapter.
   */
  prompts?: number
  /** Entries (points and box corners) of a prompt, at most: 3 by default. */
  slots?: number
  /** Whether every prompt comes with the logits of an earlier mask. */
  masks?: boolean
  /** Images that are encoded at once by `setImages`: 1 by default. */
  images?: number
  /** Whether an image can be encoded while prompts are decoded on the one before: takes a second embedding. */
  ahead?: boolean
}

/** What the mask decoder says about prompts. */
export interface Prediction {
  /** (P, 4, maskSide²): mask logits of the four mask tokens, above 0 inside the mask. See SamModel.maskSide. */
  logits: Float32Array
  /** (P, 4): the model's estimate of each mask's IoU. */
  iou: Float32Array
}

/** One of the masks of a prompt, as low-resolution logits. */
export interface TokenMask {
  /** The mask token: 0 for an unambiguous prompt; 1 to 3, from part to whole, for an ambiguous one. */
  token: number
  /** The model's estimate of the mask's IoU. */
  predictedIou: number
  /** (maskSide, maskSide), see SamModel. */
  logits: Float32Array
}
/** Dispatches of the encoder between which `setImageInParts` waits: a fraction of a second even on a slow adapter. */
const DISPATCHES_A_PART = 8

/**
 * The recorded model for prompts on images: images are encoded by `setImages`, then prompted any number of times. `Segmenter` is simpler to
 * use.
 */
export class Predictor {
  /** Passes of calls of `predict` that are not submitted yet. */
  private unsubmitted = 0
  /** Calls whose results are still read from the tensors of the last pass. */
  private choosing = 0
  private lastCall: Promise<unknown> = Promise.resolve()
  /** Counts the images that were set, so that an encoding in parts sees when another has taken its place. */
  private imagesSet = 0

  private constructor(
    readonly model: SamModel,
    /** Images that are encoded at once. */
    readonly images: number,
    /** Prompts of a forward pass of the decoder. */
    readonly prompts: number,
    /** Entries of a prompt. */
    readonly slots: number,
    private readonly encoder: Program,
    /** The encoder's last dispatches, which write and check the embedding. */
    private readonly encoderTail: number,
    private readonly decoder: Program,
    /** Makes the encoder's input of the bytes of one image; null for several images. */
    private readonly expander: Program | null,
    private readonly tensors: Record<
      | 'raw'
      | 'sizes'
      | 'embedding'
      | 'coords'
      | 'labels'
      | 'imageIndex'
      | 'counts'
      | 'logits'
      | 'iou'
      | 'found'
      | 'place',
      Tensor
    > & {
      masks: Tensor | null
      /** The pixels of one image as bytes, a quarter of the numbers that the encoder reads; null for several images. */
      packed: Tensor | null
      /** Where the encoder writes: `embedding`, or a separate tensor that is copied there. */
      encoded: Tensor
    },
    private readonly guard: FiniteGuard,
  ) {}

  /** Records the model with the adapter that is attached to it now, if any (see AttachedAdapter). */
  static async create(model: SamModel, options: PredictorOptions = {}): Promise<Predictor> {
    const { engine, inputSize: size, side, maskSide } = model
    const { slots = 3, images = 1 } = options
    const dim = model.architecture.decoder.dim
    // the widest tensors of a prompt: the source tokens, the upscaled features and their four logits
    const bytes = 4 * side * side * Math.max(dim, 2 * dim, 16 * MASK_TOKENS)
    const prompts = Math.max(1, Math.min(options.prompts ?? 16, Math.floor(engine.maxBinding / bytes)))
    const embedding = engine.persistent('activation', 'image embedding', [images * side * side, dim])

    const encoded = options.ahead ? engine.persistent('activation', 'next embedding', embedding.shape) : embedding

    const guard = new FiniteGuard(engine, 3)
    const e = new Graph(engine)
    guard.clear(e)
    // always 0, because there is no batch of batches; no constant of the engine, which would outlive the predictor
    const place = engine.persistent('statistic', 'place of the batch', [1])
    const raw = e.input('raw images', [images, size, size, 3])
    const sizes = e.input('valid sizes', [images, 2])
    const output = model.encode(e, raw, sizes)
    const tail = e.dispatches.length
    addScaled(e, output, { tensor: encoded, accumulate: 0 })
    guard.inspect(e, encoded, place, 'activation', images, 'the embedding of image')
    const encoderTail = e.dispatches.length - tail

    const d = new Graph(engine)
    const coords = d.input('coords', [prompts, slots, 2])
    const labels = d.input('labels', [prompts, slots])
    const imageIndex = d.input('image index', [prompts])
    const counts = d.input('token counts', [prompts])
    const masks = options.masks ? d.input('mask prompts', [prompts, maskSide, maskSide]) : null
    const { logits, iou } = model.decode(d, embedding, { coords, labels, imageIndex, counts, masks })
    d.keep(logits)
    d.keep(iou)
    guard.inspect(d, logits, place, 'activation', prompts, 'the mask logits of prompt')
    guard.inspect(d, iou, place, 'activation', prompts, 'the predicted IoU of prompt')
    const found = d.keep(foundTotal(d, guard.found!))
    const encoder = await e.compile()

    const x = images === 1 ? new Graph(engine) : null
    const packed = x && x.input('pixels as bytes', byteImageShape(1, size))
    if (x && packed) expandBytes(x, packed, raw)
    const tensors = {
      raw,
      packed,
      sizes,
      embedding,
      encoded,
      coords,
      labels,
      imageIndex,
      counts,
      masks,
      logits,
      iou,
      found,
      place,
    }
    return new Predictor(
      model,
      images,
      prompts,
      slots,
      encoder,
      encoderTail,
      await d.compile(),
      x && (await x.compile()),
      tensors,
      guard,
    )
  }

  /** Bytes of GPU memory that the predictor holds, without the model's. */
  get bytes(): number {
    const { embedding, encoded } = this.tensors
    const ahead = encoded === embedding ? 0 : encoded.storage.bytes
    const expander = this.expander?.bytes ?? 0
    return this.encoder.bytes + this.decoder.bytes + expander + embedding.storage.bytes + ahead + this.guard.bytes
  }

  /**
   * Resizes one image of any size to the model's input and submits its encoding; prompts are then predicted on it.
   * @throws Error if the predictor was made for several images, or the bytes do not fit the image's size
   */
  setImage(image: RgbImage): void {
    this.refuseWhilePredicting()
    this.submitImage(image)
    this.useEncoded()
  }

  /**
   * As setImage, but prompts are still decoded on the image before, until `useEncoded`.
   * @throws Error if the predictor was not made to encode ahead, and as setImage
   */
  encodeAhead(image: RgbImage): void {
    if (this.tensors.encoded === this.tensors.embedding) throw new Error('this predictor does not encode ahead')
    this.submitImage(image)
  }

  private submitImage(image: RgbImage): void {
    this.writeImage(image)
    this.encoder.run()
  }

  /** Decodes prompts on the image that was encoded last from now on. */
  useEncoded(): void {
    const { encoded, embedding } = this.tensors
    if (encoded === embedding) return
    this.refuseWhilePredicting()
    const { device } = this.model.engine
    const encoder = device.createCommandEncoder()
    const [from, to] = [encoded.storage, embedding.storage]
    encoder.copyBufferToBuffer(from.buffer!, from.offset, to.buffer!, to.offset, 4 * embedding.size)
    device.queue.submit([encoder.finish()])
  }

  /**
   * As `setImage`, in parts: prompts on the embedding of before may be predicted in `between`, or another embedding be set.
   * Afterwards the embedding is the image's.
   * @returns false if another image was set in between: the rest is then left out
   * @throws Error as setImage
   */
  async setImageInParts({ rgb, width, height }: RgbImage, between: () => Promise<void>): Promise<boolean> {
    const own = this.writeImage({ rgb, width, height })
    const whole = await this.encoder.runInParts(DISPATCHES_A_PART, this.encoderTail, async () => {
      await between()
      return this.imagesSet === own
    })
    if (whole) this.useEncoded()
    return whole
  }

  /**
   * Submits the encoding of images that have the model's input size already: raw (images, S, S, 3) on 0..255, see
   * `toModelInput`, and sizes (images, 2), the valid height and width of each.
   * @throws Error if their lengths differ from that, or a prediction on the images before is not submitted as a whole ·
   * NonFiniteError if a pixel is not a finite number
   */
  setImages(raw: Float32Array, sizes: Uint32Array): void {
    this.refuseWhilePredicting()
    this.writeImages(raw, sizes)
    this.encoder.run()
    this.useEncoded()
  }

  /** Resizes one image and writes the encoder's inputs, as bytes. @returns their number, see imagesSet */
  private writeImage({ rgb, width, height }: RgbImage): number {
    const { expander, tensors: t, images, model } = this
    if (!expander) throw new Error(`this predictor encodes ${images} images at once: use setImages`)
    const { data, valid } = toModelBytes(rgb, width, height, model.inputSize)
    expander.write(t.packed!, data)
    expander.run()
    this.encoder.write(t.sizes, Uint32Array.of(valid.height, valid.width))
    return ++this.imagesSet
  }

  /** Writes the encoder's inputs. @returns their number, see imagesSet */
  private writeImages(raw: Float32Array, sizes: Uint32Array): number {
    const bad = firstNonFinite(raw)
    if (bad >= 0) {
      const { inputSize: size } = this.model
      const [row, column] = [Math.floor(bad / size / 3) % size, Math.floor(bad / 3) % size]
      const image = this.images === 1 ? 'the image' : `image ${Math.floor(bad / (size * size * 3)) + 1}`
      throw new NonFiniteError(
        `${image} has a pixel that is ${raw[bad]}, at row ${row}, column ${column} of the model's input: pixels are numbers from 0 to 255`,
      )
    }
    this.encoder.write(this.tensors.raw, raw)
    this.encoder.write(this.tensors.sizes, sizes)
    return ++this.imagesSet
  }

  /** The embedding (images·side², D) on the GPU, which the next images overwrite. Other programs may read it. */
  get encoded(): Tensor {
    return this.tensors.embedding
  }

  /** Reads back the embedding (images·side², D) of the images set last. */
  embedding(): Promise<Float32Array> {
    return this.model.engine.read(this.tensors.embedding)
  }

  /**
   * Outputs of the last forward pass, on the GPU: logits (prompts, 4, maskSide²) and iou (prompts, 4). The next pass
   * overwrites them.
   */
  get results(): { logits: Tensor; iou: Tensor } {
    return { logits: this.tensors.logits, iou: this.tensors.iou }
  }

  /**
   * Submits one forward pass of at most `prompts` prompts and returns their number n: the first n rows of `results` are
   * theirs.
   * @throws Error if there are more prompts, and as `predict`
   */
  submit(batch: PromptBatch): number {
    const count = this.check(batch)
    if (count > this.prompts) throw new Error(`a pass takes ${this.prompts} prompts, not ${count}`)
    this.submitRange(batch, 0, count)
    return count
  }

  /**
   * Sets the embedding (images·side², D) to one that was read back before, instead of encoding its images again.
   * @throws NonFiniteError if a value is not a finite number
   */
  setEmbedding(data: Float32Array): void {
    const bad = firstNonFinite(data)
    if (bad >= 0) throw new NonFiniteError(`element ${bad} of the image embedding is ${data[bad]}`)
    this.refuseWhilePredicting()
    this.guard.clearNow()
    this.model.engine.write(this.tensors.embedding, data)
  }

  /** @throws Error if passes of a prediction are still to come: they would be computed on another image */
  private refuseWhilePredicting(): void {
    if (this.unsubmitted)
      throw new Error('a prediction is still running on the images that are set: await it before other images are set')
  }

  /**
   * Predicts the masks of any number of prompts and reads them back. Calls may overlap: each waits until all passes of the
   * calls before it are submitted, and gets its own results.
   * @throws Error if the entries, labels, image indices or masks do not fit the predictor, or the device reported an
   * error · NonFiniteError if the model computed values that are not finite
   */
  async predict(batch: PromptBatch): Promise<Prediction> {
    const count = this.check(batch)
    return this.inTurn(count, () => this.predictPasses(batch, count))
  }

  /** Runs the passes of a call when those of the calls before it are submitted, and nothing reads their results any more. */
  private inTurn<T>(count: number, run: () => Promise<T>): Promise<T> {
    // a call that need not wait submits its first pass before it returns, so that new images may be set at once
    const before = this.unsubmitted || this.choosing ? this.lastCall : null
    this.unsubmitted += Math.ceil(count / this.prompts)
    const call = before ? before.then(run) : run()
    this.lastCall = call.catch(() => {})
    return call
  }

  private async predictPasses(batch: PromptBatch, count: number): Promise<Prediction> {
    const { prompts, tensors: t, model } = this
    const pixels = t.logits.size / prompts
    const logits = new Float32Array(count * pixels)
    const iou = new Float32Array(count * MASK_TOKENS)
    await this.eachPass(batch, count, async (start, n) => {
      const [passLogits, passIou] = await model.engine.readAll([t.logits, t.iou])
      logits.set(passLogits.subarray(0, n * pixels), start * pixels)
      iou.set(passIou.subarray(0, n * MASK_TOKENS), start * MASK_TOKENS)
    })
    await this.checkFinite()
    return { logits, iou }
  }

  /**
   * Submits the passes of a call one after the other and waits for what `read` makes of each, before the next. Before its first
   * await `read` asks for copies of the outputs, so that another call's pass cannot overwrite them.
   */
  private async eachPass(
    batch: PromptBatch,
    count: number,
    read: (start: number, n: number) => Promise<void>,
  ): Promise<void> {
    const { prompts } = this
    let left = Math.ceil(count / prompts)
    try {
      for (let start = 0; start < count; start += prompts) {
        const n = Math.min(prompts, count - start)
        this.submitRange(batch, start, n)
        const reading = read(start, n)
        this.unsubmitted--
        left--
        await reading
      }
    } finally {
      this.unsubmitted -= left
    }
  }

  /**
   * As `predict`, but reads back only the masks that are chosen by their predicted IoU: of one mask a prompt, a quarter of the bytes.
   * @param choose the tokens of a prompt's masks, from the predicted IoU of all of them
   * @throws as predict
   */
  async predictMasks(
    batch: PromptBatch,
    choose: (iou: Float32Array, prompt: number) => readonly number[],
  ): Promise<TokenMask[][]> {
    const count = this.check(batch)
    return this.inTurn(count, () => this.predictChosen(batch, count, choose))
  }

  private async predictChosen(
    batch: PromptBatch,
    count: number,
    choose: (iou: Float32Array, prompt: number) => readonly number[],
  ): Promise<TokenMask[][]> {
    const { prompts, tensors: t } = this
    const { engine } = this.model
    const planes = t.logits.reshape(prompts * MASK_TOKENS, t.logits.size / prompts / MASK_TOKENS)
    const results: TokenMask[][] = []
    this.choosing++
    try {
      await this.eachPass(batch, count, async (start, n) => {
        const [found, iou] = await engine.readAll([t.found, t.iou])
        this.requireFinite(found)
        const chosen = Array.from({ length: n }, (_, i) => {
          const own = iou.subarray(MASK_TOKENS * i, MASK_TOKENS * (i + 1))
          return choose(own, start + i).map((token) => ({
            token,
            predictedIou: own[token],
            row: MASK_TOKENS * i + token,
          }))
        })
        const rows = chosen.flat().map(({ row }) => planes.slice(row, row + 1))
        const logits = rows.length ? await engine.readAll(rows) : []
        let at = 0
        for (const masks of chosen)
          results.push(masks.map(({ token, predictedIou }) => ({ token, predictedIou, logits: logits[at++] })))
      })
    } finally {
      this.choosing--
    }
    return results
  }

  /**
   * Waits for what was submitted, and looks whether the embedding and all that was predicted on it are finite.
   * @throws NonFiniteError if they are not
   */
  async checkFinite(): Promise<void> {
    this.requireFinite(await this.decoder.read(this.tensors.found))
  }

  /** @throws NonFiniteError if `found`, as it was read back, says that something is not finite */
  private requireFinite(found: Float32Array): void {
    const { count, first } = decodeFound(found)
    if (first?.kind !== 'inspected') return
    this.guard.clearNow()
    throw new NonFiniteError(
      `the model computes values that are not finite numbers: ${this.guard.inspected(first).where} and ${count - 1} more. ` +
        'Its weights, its adapter or the GPU driver are at fault',
    )
  }

  /** Returns the number of prompts in a batch. @throws Error if it does not fit the predictor */
  private check(batch: PromptBatch): number {
    const { slots, images, tensors } = this
    return checkBatch(batch, { slots, images, mask: tensors.masks?.shape.slice(1) ?? null })
  }

  /** Submits the n prompts from `start`. */
  private submitRange(batch: PromptBatch, start: number, n: number): void {
    const { prompts, slots, tensors: t, decoder } = this
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

  /** Frees the predictor's GPU memory, not the model's. */
  destroy(): void {
    this.encoder.destroy()
    this.decoder.destroy()
    this.expander?.destroy()
    const { embedding, encoded, place } = this.tensors
    this.model.engine.release(embedding)
    if (encoded !== embedding) this.model.engine.release(encoded)
    this.model.engine.release(place)
    this.guard.release()
  }
}
