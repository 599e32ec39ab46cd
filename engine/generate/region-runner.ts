/** @file Encodes a region of an image and prompts the model with points in it, one decoder pass after the other. */
import { promptLabel } from '../sam/prompt-labels'
import { Predictor } from '../sam/predictor'
import type { SamModel } from '../sam/sam-model'
import { type RgbImage, cropImage } from '../image/rgb-image'
import { resizeLongest } from '../image/model-input'
import { type Point, type Region, regionSize, sameRegion } from '../image/box'
import type { RejectedCounts, DecodedMask, MaskThresholds } from './decoded-mask'
import { MaskReader } from './mask-reader'

export interface GenerateHooks {
  /** Points decoded so far, and in total; `total` grows if a second round adds points. */
  onProgress?(done: number, total: number): void
  /** Aborts before the next decoder pass: the signal's reason is thrown. */
  signal?: AbortSignal
}

/** Entries per prompt: a point, and the padding entry that the reference adds to prompts without a box. */
const SLOTS = 2

export class RegionRunner {
  private current: { image: RgbImage; region: Region } | null = null

  private constructor(
    private readonly predictor: Predictor,
    private readonly reader: MaskReader,
  ) {}

  /** @param prompts maximum number per decoder pass */
  static async create(model: SamModel, prompts: number): Promise<RegionRunner> {
    const predictor = await Predictor.create(model, { prompts, slots: SLOTS })
    return new RegionRunner(predictor, await MaskReader.create(model.engine, model.maskSide, model.inputSize))
  }

  /** Side of the square of logits. */
  get side(): number {
    return this.reader.side
  }

  /** Forgets the encoded region: the next image is encoded even if it is the same object, whose bytes may have changed. */
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
   * Prompts the model with points, in pixels of the encoded region.
   * @param onMasks called after each pass with its masks, sorted by point and token, and the number of its points
   * @throws Error if no region is encoded · the abort reason of `signal`
   */
  async run(
    points: readonly Point[],
    thresholds: MaskThresholds,
    counts: RejectedCounts,
    onMasks: (masks: DecodedMask[], points: number) => Promise<void> | void,
    signal?: AbortSignal,
  ): Promise<void> {
    if (!this.current) throw new Error('call encode before run')
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
      const masks = await reader.read(predictor.results, batch.length, thresholds, counts)
      await onMasks(
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
