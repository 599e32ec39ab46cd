/** @file Encodes a part of an image and asks the model about points in it, pass by pass. */
import { label } from '../sam/prompt-labels'
import { Predictor } from '../sam/predictor'
import type { SamModel } from '../sam/sam-model'
import { resizeLongest } from '../image/transforms'
import type { RgbImage } from '../image/rgb-image'
import type { Box } from './candidate'
import type { FoundCounts, FoundMask, FoundOptions } from './found-mask'
import { MaskReader } from './mask-reader'
import type { Point } from './point-grid'

export interface GenerateHooks {
  /** Points decoded so far, and all that will be; `total` may grow when a second round adds points. */
  onProgress?(done: number, total: number): void
  /** Ends the work at the next pass of the decoder, with the signal's reason thrown. */
  signal?: AbortSignal
}

/** A point and the padding entry that the reference adds to prompts without a box. */
const SLOTS = 2

export class RegionRunner {
  private current: { image: RgbImage; box: Box } | null = null

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

  /** Makes the part of the image (exclusive right and bottom) the one that is asked about; nothing is done where it is already. */
  encode(image: RgbImage, box: Box): void {
    const { current, predictor } = this
    if (current && current.image === image && current.box.every((c, i) => c === box[i])) return
    const size = { width: box[2] - box[0], height: box[3] - box[1] }
    this.reader.setImage(size)
    predictor.setImage({ ...size, rgb: cut(image, box) })
    this.current = { image, box }
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
    const [x0, y0, x1, y1] = this.current.box
    const valid = resizeLongest(x1 - x0, y1 - y0, predictor.model.inputSize)
    const [scaleX, scaleY] = [valid.width / (x1 - x0), valid.height / (y1 - y0)]
    for (let start = 0; start < points.length; start += predictor.prompts) {
      signal?.throwIfAborted()
      const batch = points.slice(start, start + predictor.prompts)
      const coords = Float32Array.from(batch.flatMap(([x, y]) => [x * scaleX, y * scaleY, 0, 0]))
      const labels = Int32Array.from(batch.flatMap(() => [label.foreground, label.padding]))
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

/** The part of an image, as an image. */
function cut({ rgb, width, height }: RgbImage, [x0, y0, x1, y1]: Box): Uint8Array {
  if (x0 === 0 && y0 === 0 && x1 === width && y1 === height) return rgb
  const line = 3 * (x1 - x0)
  const part = new Uint8Array(line * (y1 - y0))
  for (let y = y0; y < y1; y++) {
    const from = 3 * (y * width + x0)
    part.set(rgb.subarray(from, from + line), (y - y0) * line)
  }
  return part
}
