/** @file Inference: an image is encoded once, then any number of prompts are decoded on its embedding. */
import { firstNonFinite, NonFiniteError } from '../device/non-finite-error'
import type { Tensor } from '../device/tensor'
import { toModelBytes } from '../image/model-input'
import type { RgbImage } from '../image/rgb-image'
import { decodeFound } from '../ops/finite'
import { MASK_TOKENS } from './mask-decoder'
import { type PredictorOptions, PredictorPrograms } from './predictor-programs'
import { checkBatch, type PromptBatch } from './prompt-batch'
import type { SamModel } from './sam-model'

export type { PredictorOptions } from './predictor-programs'

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
 * @example
 * const predictor = await Predictor.create(model, { prompts: 1, slots: 2 })
 * predictor.setImage(rgbImage)
 * const [x, y] = scalePoint([120, 80], rgbImage, model.inputSize)
 * const labels = Int32Array.of(promptLabel.foreground, promptLabel.padding)
 * const { logits, iou } = await predictor.predict({ coords: Float32Array.of(x, y, 0, 0), labels })
 * predictor.destroy()
 */
export class Predictor {
  /** Passes of calls of `predict` that are not submitted yet. */
  private unsubmitted = 0
  /** Calls whose results are still read from the tensors of the last pass. */
  private choosing = 0
  private lastCall: Promise<unknown> = Promise.resolve()
  /** Counts the images that were set, so that an encoding in parts sees when another has taken its place. */
  private imagesSet = 0

  private constructor(private readonly programs: PredictorPrograms) {}

  /** Records the model with the adapter that is attached to it now, if any (see AttachedAdapter). */
  static async create(model: SamModel, options: PredictorOptions = {}): Promise<Predictor> {
    return new Predictor(await PredictorPrograms.record(model, options))
  }

  /**
   * Another predictor on the images of this one, whose prompts come with masks: only its decoder takes memory. Images are set
   * here. Destroy it before this one.
   */
  async withMasks(): Promise<Predictor> {
    return new Predictor(await this.programs.withMasks())
  }

  get model(): SamModel {
    return this.programs.model
  }

  /** Images that are encoded at once. */
  get images(): number {
    return this.programs.images
  }

  /** Prompts of a forward pass of the decoder. */
  get prompts(): number {
    return this.programs.prompts
  }

  /** Entries of a prompt. */
  get slots(): number {
    return this.programs.slots
  }

  /** Bytes of GPU memory that the predictor holds, without the model's. */
  get bytes(): number {
    return this.programs.bytes
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
    if (this.programs.tensors.encoded === this.programs.tensors.embedding)
      throw new Error('this predictor does not encode ahead')
    this.submitImage(image)
  }

  private submitImage(image: RgbImage): void {
    this.writeImage(image)
    this.programs.encoder.run()
  }

  /** Decodes prompts on the image that was encoded last from now on. */
  useEncoded(): void {
    const { encoded, embedding } = this.programs.tensors
    if (encoded === embedding) return
    this.refuseWhilePredicting()
    this.programs.copyEncoded()
  }

  /**
   * As `setImage`, in parts: prompts on the embedding of before may be predicted in `between`, or another embedding be set.
   * Afterwards the embedding is the image's.
   * @returns false if another image was set in between: the rest is then left out
   * @throws Error as setImage
   */
  async setImageInParts({ rgb, width, height }: RgbImage, between: () => Promise<void>): Promise<boolean> {
    const own = this.writeImage({ rgb, width, height })
    const whole = await this.programs.encoder.runInParts(DISPATCHES_A_PART, this.programs.encoderTail, async () => {
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
    this.programs.encoder.run()
    this.useEncoded()
  }

  /** Resizes one image and writes the encoder's inputs, as bytes. @returns their number, see imagesSet */
  private writeImage({ rgb, width, height }: RgbImage): number {
    const { expander, tensors: t, images, model } = this.programs
    if (!expander) throw new Error(`this predictor encodes ${images} images at once: use setImages`)
    const { data, valid } = toModelBytes(rgb, width, height, model.inputSize)
    expander.write(t.packed!, data)
    expander.run()
    this.programs.encoder.write(t.sizes, Uint32Array.of(valid.height, valid.width))
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
    this.programs.encoder.write(this.programs.tensors.raw, raw)
    this.programs.encoder.write(this.programs.tensors.sizes, sizes)
    return ++this.imagesSet
  }

  /** The embedding (images·side², D) on the GPU, which the next images overwrite. Other programs may read it. */
  get encoded(): Tensor {
    return this.programs.tensors.embedding
  }

  /** Reads back the embedding (images·side², D) of the images set last. */
  embedding(): Promise<Float32Array> {
    return this.model.engine.read(this.programs.tensors.embedding)
  }

  /**
   * Outputs of the last forward pass, on the GPU: logits (prompts, 4, maskSide²) and iou (prompts, 4). The next pass
   * overwrites them.
   */
  get results(): { logits: Tensor; iou: Tensor } {
    return { logits: this.programs.tensors.logits, iou: this.programs.tensors.iou }
  }

  /**
   * Submits one forward pass of at most `prompts` prompts and returns their number n: the first n rows of `results` are
   * theirs.
   * @throws Error if there are more prompts, and as `predict`
   */
  submit(batch: PromptBatch): number {
    const count = this.check(batch)
    if (count > this.prompts) throw new Error(`a pass takes ${this.prompts} prompts, not ${count}`)
    this.programs.decode(batch, 0, count)
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
    this.programs.guard.clearNow()
    this.model.engine.write(this.programs.tensors.embedding, data)
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
    const { prompts, tensors: t, model } = this.programs
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
        this.programs.decode(batch, start, n)
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
    const { prompts, tensors: t } = this.programs
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
    this.requireFinite(await this.programs.decoder.read(this.programs.tensors.found))
  }

  /** @throws NonFiniteError if `found`, as it was read back, says that something is not finite */
  private requireFinite(found: Float32Array): void {
    const { count, first } = decodeFound(found)
    if (first?.kind !== 'inspected') return
    this.programs.guard.clearNow()
    throw new NonFiniteError(
      `the model computes values that are not finite numbers: ${this.programs.guard.inspected(first).where} and ${count - 1} more. ` +
        'Its weights, its adapter or the GPU driver are at fault',
    )
  }

  /** Returns the number of prompts in a batch. @throws Error if it does not fit the predictor */
  private check(batch: PromptBatch): number {
    const { slots, images, tensors } = this.programs
    return checkBatch(batch, { slots, images, mask: tensors.masks?.shape.slice(1) ?? null })
  }

  /** Frees the predictor's GPU memory, not the model's. */
  destroy(): void {
    this.programs.destroy()
  }
}
