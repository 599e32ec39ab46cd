/** @file Encodes a part of an image and asks the model about points in it, pass by pass. */
import { promptLabel } from '../sam/prompt-labels'
import { Predictor } from '../sam/predictor'
import type { SamModel } from '../sam/sam-model'
import { type RgbImage, cropImage } from '../image/rgb-image'
import { resizeLongest } from '../image/model-input'
import { type Point, type Region, regionSize, sameRegion } from '../image/box'
import type { FoundCounts, FoundMask, FoundOptions } from './found-mask'
import { MaskReader } from './mask-reader'

export interface GenerateHooks {
  /** Points decoded so far, and all that will be; `total` may grow when a second round adds points. */
  onProgress?(done: number, total: number): void
  /** Ends the work at the next pass of the decoder, with the signal's reason thrown. */
  signal?: AbortSignal
}

/** A point and the padding entry that the reference adds to prompts without a box. */
const SLOTS = 2

export class RegionRunner {
  private current: { image: RgbImage; region: Region } | null = null

  private constructor(
    private readonly predictor: Predictor,
    private readonly reader: MaskReader,
  ) {}

  /** @param prompts a pass, at most */
  static async create(model: SamModel, prompts: number): Promise<RegionRunner> {
    const predictor = await Predictor.create(model, { prompts, slots: SLOTS })
    return new RegionRunner(predictor, await MaskReader.create(model.engine, model.maskSide, model.inputSize))
  }

  /** Cells a side of the logits. */
  get side(): number {
    return this.reader.side
  }

  /** The next image is another, even if the object or its bytes are the same. */
  forget(): void {
    this.current = null
  }

  /** Encodes a region of the image, which the next prompts refer to. Does nothing if it is encoded already. */
  encode(image: RgbImage, region: Region): void {
    const { current, predictor } = this
    if (current && current.image === image && sameRegion(current.region, region)) return
    const size = regionSize(region)
    this.reader.setImage(size)
    predictor.setImage({ ...size, rgb: cropImage(image, region) })
    this.current = { image, region }
  }

  /**
   * Asks about points in pixels of the part. After each pass `found` gets its masks, by point and token, and the number of
   * its points.
   */
  async run(
    points: readonly Point[],
    options: FoundOptions,
    counts: FoundCounts,
    found: (masks: FoundMask[], points: number) => Promise<void> | void,
    signal?: AbortSignal,
  ): Promise<void> {
    if (!this.current) throw new Error('encode comes before run')
    const { predictor, reader } = this
    const { width, height } = regionSize(this.current.region)
    const valid = resizeLongest(width, height, predictor.model.inputSize)
    const [scaleX, scaleY] = [valid.width / width, valid.height / height]
    for (let start = 0; start < points.length; start += predictor.prompts) {
      signal?.throwIfAborted()
      const batch = points.slice(start, start + predictor.prompts)
      const coords = Float32Array.from(batch.flatMap(([x, y]) => [x * scaleX, y * scaleY, 0, 0]))
      const labels = Int32Array.from(batch.flatMap(() => [promptLabel.foreground, promptLabel.padding]))
      predictor.submit({ coords, labels })
      const masks = await reader.read(predictor.results, batch.length, options, counts)
      await found(
        masks.map((mask) => ({ ...mask, prompt: start + mask.prompt })),
        batch.length,
      )
    }
  }

  destroy(): void {
    this.predictor.destroy()
    this.reader.destroy()
  }
}
