/** @file Encodes a region of an image and prompts the model in it, in passes of the decoder of which several are in flight. */
import { Predictor } from '../sam/predictor'
import { PromptMapReader } from '../sam/prompt-map-reader'
import type { PromptMaps } from '../sam/prompt-maps'
import type { SamModel } from '../sam/sam-model'
import { type RgbImage, cropImage } from '../image/rgb-image'
import { resizeLongest } from '../image/model-input'
import { type Region, regionSize, sameRegion } from '../image/box'
import type { Size } from '../image/size'
import type { View } from '../scale/view'
import type { RejectedCounts, DecodedMask, MaskThresholds } from './decoded-mask'
import { MaskReader, type SubmittedPass } from './mask-reader'
import { RegionPrompts } from './region-prompts'
import { BOX_SLOTS, POINT_SLOTS, type Prompt, promptEntries, type TokenRange } from './prompt'

/** Progress and abort of a run of the generator. */
export interface GenerateHooks {
  /**
   * Prompts decoded so far, and in total. `total` grows if a second round adds prompts; with learned prompts it is an estimate
   * until all tiles have been searched.
   */
  onProgress?(done: number, total: number): void
  /** Aborts before the next decoder pass: the signal's reason is thrown. */
  signal?: AbortSignal
  /** Ends the search before the next decoder pass: what was found until then is the result. */
  finish?: AbortSignal
  /**
   * The image whose candidates will be asked for next, if it is known: where passes are in flight it is encoded while the masks of
   * this one are read and compared. It must stay as it is until then. Called when the last prompts have been submitted.
   */
  next?(): NextImage | null
}

/** An image, and the view in which the generator will see it first; by default that of its options. */
export interface NextImage {
  image: RgbImage
  view?: Pick<View, 'tileSize' | 'tileHalo'>
}

/** A part of an image that is encoded. */
export interface ImageRegion {
  image: RgbImage
  region: Region
}

/** Gives the maps of the region that was encoded last: a model's prompt head, or what stands in for it. */
export interface PromptMapSource {
  /** @param region of the image */
  read(region: Region): Promise<PromptMaps>
  destroy(): void
}

/**
 * Decoder passes that are submitted before the masks of the first of them are awaited, so that the GPU computes while the host reads,
 * packs and compares masks. A software adapter computes on the same processor.
 */
const IN_FLIGHT = { gpu: 3, software: 1 }

export class RegionRunner {
  private current: ImageRegion | null = null
  /** What was encoded ahead. */
  private next: ImageRegion | null = null
  /** The image that was announced as the next one, whose bytes do not change before its turn. */
  private announced: RgbImage | null = null
  /** See IN_FLIGHT: affects speed only. */
  inFlight: number

  private constructor(
    private readonly predictor: Predictor,
    private readonly reader: MaskReader,
    private readonly maps: PromptMapSource | null,
  ) {
    this.inFlight = IN_FLIGHT[predictor.model.engine.software ? 'software' : 'gpu']
  }

  /**
   * @param prompts maximum number per decoder pass
   * @param learned whether prompts are found in the maps of the model's prompt head, or of another source
   * @throws Error if they are and the model has no prompt head
   */
  static async create(
    model: SamModel,
    prompts: number,
    learned: boolean | PromptMapSource = false,
  ): Promise<RegionRunner> {
    const { engine, promptHead } = model
    const slots = learned ? BOX_SLOTS : POINT_SLOTS
    const predictor = await Predictor.create(model, { prompts, slots, ahead: true })
    const reader = await MaskReader.create(engine, model.maskSide, model.inputSize)
    if (learned !== true) return new RegionRunner(predictor, reader, learned || null)
    return new RegionRunner(predictor, reader, await PromptMapReader.create(engine, promptHead!, predictor.encoded))
  }

  /** Side of the square of logits. */
  get side(): number {
    return this.reader.side
  }

  /**
   * Begins an image and forgets the encoded region: the image is encoded even if it is the same object, whose bytes may have
   * changed, unless it was announced and encoded ahead.
   */
  begin(image: RgbImage): void {
    this.current = null
    if (this.announced !== image) this.next = null
    this.announced = null
  }

  /** Encodes a region of the image, which the next prompts refer to. Does nothing if it is encoded already. */
  encode(image: RgbImage, region: Region): void {
    const { current, next, predictor } = this
    if (isOf(current, image, region)) return
    const size = regionSize(region)
    this.reader.setImage(size)
    if (isOf(next, image, region)) predictor.useEncoded()
    else predictor.setImage({ ...size, rgb: cropImage(image, region) })
    this.next = null
    this.current = { image, region }
  }

  /** True if regions are encoded ahead: see `run`. */
  get encodesAhead(): boolean {
    return this.inFlight > 1
  }

  /**
   * Submits the encoding of the region that will probably be encoded next, behind what was submitted for the current one, so that the
   * GPU has work while the host reads masks. It may be of another image, which is then announced: see GenerateHooks.next.
   */
  encodeAhead({ image, region }: ImageRegion): void {
    this.predictor.encodeAhead({ ...regionSize(region), rgb: cropImage(image, region) })
    this.next = { image, region }
    this.announced = image === this.current?.image ? null : image
  }

  /** The part of the model's input that shows the encoded region, in its pixels. @throws Error if no region is encoded */
  private get valid(): Size {
    if (!this.current) throw new Error('encode a region first')
    const { width, height } = regionSize(this.current.region)
    return resizeLongest(width, height, this.predictor.model.inputSize)
  }

  /**
   * Finds a prompt for each particle of the encoded region, in the maps of the prompt head.
   * @param core see RegionPrompts
   * @throws Error if no region is encoded, or prompts are not learned
   */
  async findPrompts(core: Region): Promise<RegionPrompts> {
    const { valid, current, maps: source } = this
    if (!source) throw new Error('this runner has no prompt head')
    const { region } = current!
    return new RegionPrompts(await source.read(region), valid, region, core)
  }

  /**
   * Prompts the model, in pixels of the encoded region.
   * @param tokens the mask tokens whose masks are read
   * @param onMasks called after each pass with its masks, sorted by prompt and token, and the number of its prompts
   * @param hooks `signal` aborts, `finish` leaves out the passes that are not submitted yet
   * @param next gives the region that will probably be encoded next, when all passes are submitted: see encodeAhead
   * @throws Error if no region is encoded · the abort reason of `hooks.signal` · NonFiniteError if the model computed values that are
   * not finite
   */
  async run(
    prompts: readonly Prompt[],
    tokens: TokenRange,
    thresholds: MaskThresholds,
    counts: RejectedCounts,
    onMasks: (masks: DecodedMask[], prompts: number) => Promise<void> | void,
    { signal, finish }: Pick<GenerateHooks, 'signal' | 'finish'> = {},
    next: () => ImageRegion | null = () => null,
  ): Promise<void> {
    const { predictor, reader, valid, current, inFlight } = this
    const { width, height } = regionSize(current!.region)
    let decodedAgain = false
    const pending: { start: number; batch: readonly Prompt[]; pass: SubmittedPass }[] = []
    const decode = (batch: readonly Prompt[]) =>
      predictor.submit(promptEntries(batch, predictor.slots, [valid.width / width, valid.height / height]))
    // the finite guard forgets what it saw when the next region is encoded, so its report is requested before
    let report: Promise<void> | null = null
    const finishNext = async () => {
      const { start, batch, pass } = pending.shift()!
      const masks = await reader.finish(pass, counts, () => {
        decode(batch)
        decodedAgain = true
      })
      await onMasks(
        masks.map((mask) => ({ ...mask, prompt: start + mask.prompt })),
        batch.length,
      )
    }
    for (let start = 0; start < prompts.length; start += predictor.prompts) {
      signal?.throwIfAborted()
      if (finish?.aborted) break
      const batch = prompts.slice(start, start + predictor.prompts)
      decode(batch)
      const { results } = predictor
      const pass = reader.submit({ results, prompts: batch.length, thresholds, tokens })
      pending.push({ start, batch, pass })
      while (pending.length >= inFlight) await finishNext()
    }
    const ahead = this.encodesAhead && !finish?.aborted ? next() : null
    if (ahead) {
      report = predictor.checkFinite()
      // thrown where it is awaited; until then it must not end the process as an unhandled rejection
      report.catch(() => {})
      this.encodeAhead(ahead)
    }
    while (pending.length) {
      signal?.throwIfAborted()
      await finishNext()
    }
    await report
    if (!report || decodedAgain) await predictor.checkFinite()
  }

  destroy(): void {
    this.maps?.destroy()
    this.predictor.destroy()
    this.reader.destroy()
  }
}

const isOf = (encoded: ImageRegion | null, image: RgbImage, region: Region): boolean =>
  encoded !== null && encoded.image === image && sameRegion(encoded.region, region)
