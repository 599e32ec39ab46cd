/** @file The automatic mask generator: a model, its options, and the two ways to run it. */
import type { SamModel } from '../sam/sam-model'
import type { GeneratedSet } from './candidate'
import { findCandidates } from './candidates'
import { type GeneratorOptions, checkGeneratorOptions } from './generator-options'
import { OverlapCounter } from './overlap-counter'
import type { MaskRecord } from './reference-record'
import { referenceRecords } from './reference-flow'
import { type GenerateHooks, RegionRunner } from './region-runner'
import type { RgbImage } from '../image/rgb-image'

export type { GenerateHooks } from './region-runner'

export class MaskGenerator {
  private busy = false

  private constructor(
    readonly model: SamModel,
    readonly options: GeneratorOptions,
    private readonly runner: RegionRunner,
    private readonly counter: OverlapCounter,
  ) {}

  /** Records the model as it is now: an adapter attached later does not show. @throws Error that names a wrong option */
  static async create(model: SamModel, options: Partial<GeneratorOptions> = {}): Promise<MaskGenerator> {
    const checked = checkGeneratorOptions(options)
    const runner = await RegionRunner.create(model, checked.pointsPerBatch)
    return new MaskGenerator(model, checked, runner, await OverlapCounter.create(model.engine))
  }

  /** Everything above the floors, each mask once, by predicted IoU; filterCandidates chooses among it. */
  async candidates(image: RgbImage, hooks: GenerateHooks = {}): Promise<GeneratedSet> {
    return this.alone(image, () => findCandidates(this.runner, this.counter, image, this.options, hooks))
  }

  /** What the reference's generator returns for the same options, in its order. Masks without a pixel are left out. */
  async reference(image: RgbImage, hooks: GenerateHooks = {}): Promise<MaskRecord[]> {
    return this.alone(image, () => referenceRecords(this.runner, image, this.options, hooks))
  }

  /** One run at a time: they share the embedding and the memory of a pass. */
  private async alone<T>(image: RgbImage, run: () => Promise<T>): Promise<T> {
    checkImage(image)
    if (this.busy) throw new Error('this generator is at work: wait for it, or make another')
    this.busy = true
    this.runner.forget()
    try {
      return await run()
    } finally {
      this.busy = false
    }
  }

  /** Gives the GPU memory back; the model stays. */
  destroy(): void {
    this.runner.destroy()
    this.counter.destroy()
  }
}

function checkImage({ rgb, width, height }: RgbImage): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw new Error(`an image of ${width}x${height} has no masks: width and height are whole numbers from 1`)
  if (rgb.length !== width * height * 3)
    throw new Error(`an RGB image of ${width}x${height} has ${width * height * 3} bytes, not ${rgb.length}`)
}
