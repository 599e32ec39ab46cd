/** @file The automatic mask generator: a model, its options, and the two ways to run it. */
import type { SamModel } from '../sam/sam'
import type { Size } from '../sam/transforms'
import type { GeneratedSet } from './candidate'
import { type GeneratorOptions, checkGeneratorOptions } from './options'
import type { MaskRecord } from './record'

export interface RgbImage extends Size {
  /** (height, width, 3) */
  rgb: Uint8Array
}

export interface GenerateHooks {
  /** Points decoded so far, and all that will be; `total` may grow when a second round adds points. */
  onProgress?(done: number, total: number): void
  /** Ends the work at the next pass of the decoder, with the signal's reason thrown. */
  signal?: AbortSignal
}

export class MaskGenerator {
  private constructor(
    readonly model: SamModel,
    readonly options: GeneratorOptions,
  ) {}

  /** Records the model as it is now: an adapter attached later does not show. @throws Error that names a wrong option */
  static async create(model: SamModel, options: Partial<GeneratorOptions> = {}): Promise<MaskGenerator> {
    return new MaskGenerator(model, checkGeneratorOptions(options))
  }

  /** Everything above the floors, each mask once, by predicted IoU; filterCandidates chooses among it. */
  async candidates(_image: RgbImage, _hooks: GenerateHooks = {}): Promise<GeneratedSet> {
    throw new Error('not yet')
  }

  /** What the reference's generator returns for the same options, in its order. */
  async reference(_image: RgbImage, _hooks: GenerateHooks = {}): Promise<MaskRecord[]> {
    throw new Error('not yet')
  }

  /** Gives the GPU memory back; the model stays. */
  destroy(): void {}
}
