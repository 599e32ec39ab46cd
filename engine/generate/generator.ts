/** @file The automatic mask generator: finds candidates, or the masks of the reference generator. */
import type { SamModel } from '../sam/sam-model'
import type { GeneratedSet } from './candidate'
import { findCandidates } from './candidates'
import { type GeneratorOptions, checkGeneratorOptions, promptsUsed } from './generator-options'
import { OverlapCounter } from './overlap-counter'
import type { MaskRecord } from './reference-record'
import { referenceRecords } from './reference-flow'
import { type GenerateHooks, type PromptMapSource, RegionRunner } from './region-runner'
import type { RgbImage } from '../image/rgb-image'
import type { View } from '../scale/view'

export type { GenerateHooks, NextImage } from './region-runner'

/**
 * The automatic mask generator, recorded once for many images. `generate` is the same as one call.
 * @example
 * const generator = await MaskGenerator.create(model, { pointsPerSide: 16 })
 * const set = await generator.candidates(rgbImage, { signal })
 * const masks = filterCandidates(set, generator.options).kept.map((i) => set.candidates[i].mask)
 * generator.destroy()
 */
export class MaskGenerator {
  private busy = false

  private constructor(
    readonly model: SamModel,
    /** All options; `prompts` says which kind is used. */
    readonly options: GeneratorOptions,
    private readonly runner: RegionRunner,
    private readonly counter: OverlapCounter,
  ) {}

  /**
   * Records the model with the adapter attached now, see AttachedAdapter.
   * @param maps stands in for the model's prompt head
   * @throws Error that names an invalid option, or if prompts are to be learned and there is no prompt head
   */
  static async create(
    model: SamModel,
    options: Partial<GeneratorOptions> = {},
    maps?: PromptMapSource,
  ): Promise<MaskGenerator> {
    const available = !!maps || model.promptHead !== null
    const given = checkGeneratorOptions(options)
    const prompts = promptsUsed(given, available)
    if (prompts === 'learned' && !available)
      throw new Error(
        'the model has no prompt head for prompts learned: use an adapter that was trained with one, or grid',
      )
    const checked = { ...given, prompts }
    const runner = await RegionRunner.create(
      model,
      checked.pointsPerBatch,
      checked.prompts === 'learned' && (maps ?? true),
    )
    return new MaskGenerator(model, checked, runner, await OverlapCounter.create(model.engine))
  }

  /**
   * All masks above the floors, without duplicates, sorted by predicted IoU. filterCandidates chooses among them.
   * @param view takes the place of the options tileSize and tileHalo
   * @throws Error if the image is malformed or the generator is busy · the abort reason of `hooks.signal`
   */
  async candidates(
    image: RgbImage,
    hooks: GenerateHooks = {},
    view?: Pick<View, 'tileSize' | 'tileHalo'>,
  ): Promise<GeneratedSet> {
    const { tileSize, tileHalo } = view ?? this.options
    const options = { ...this.options, tileSize, tileHalo }
    return this.exclusive(image, () => findCandidates(this.runner, this.counter, image, options, hooks))
  }

  /**
   * The records that the reference generator returns for the same options, in its order, without empty masks. Its own thresholds are
   * `referenceThresholds`, not the defaults here.
   * @throws as candidates
   */
  async reference(image: RgbImage, hooks: GenerateHooks = {}): Promise<MaskRecord[]> {
    return this.exclusive(image, () => referenceRecords(this.runner, image, this.options, hooks))
  }

  /** One run at a time: runs share the embedding and the decoder's memory. */
  private async exclusive<T>(image: RgbImage, run: () => Promise<T>): Promise<T> {
    checkImage(image)
    if (this.busy) throw new Error('this generator is busy: wait for it, or create another')
    this.busy = true
    this.runner.begin(image)
    try {
      return await run()
    } finally {
      this.busy = false
    }
  }

  /** Decoder passes that are submitted before the masks of the first of them are awaited: affects speed only. */
  set inFlight(passes: number) {
    this.runner.inFlight = passes
  }

  /** Releases the generator's GPU memory, but not the model's. */
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
