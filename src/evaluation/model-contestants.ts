/** @file Models as contestants of a comparison: one model is on the GPU at a time, at the input size of whose turn it is. */
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import type { SamModel } from '../../engine/sam/sam-model'
import type { ScaleSettings } from '../../engine/scale/scale-settings'
import type { DatasetItem } from '../dataset/dataset'
import { adapterBand } from '../model/adapter-band'
import { loadAdapter } from '../model/attach-adapter'
import { checkPrompts } from '../model/check-prompts'
import type { Contestant } from './compare'
import { openModelSegmenter } from './model-segmenter'

/** The diameter of an image's particles in pixels; see ScaleSettings. */
export type DiameterOf = (item: DatasetItem) => ScaleSettings['diameter']

/** A model that is opened again whenever another input size is asked for; the one before is freed first. */
export class ResizableModel {
  private model: SamModel | null = null

  /** @param openAt puts the model on the GPU, with an input of the given side (default: the model's own) */
  constructor(private readonly openAt: (size?: number) => Promise<SamModel>) {}

  async at(size?: number): Promise<SamModel> {
    if (this.model && this.model.inputSize === (size ?? this.model.ownSize)) return this.model
    this.release()
    return (this.model = await this.openAt(size))
  }

  release(): void {
    this.model?.release()
    this.model = null
  }
}

/** The model with an adapter, or (path null) the base model, at its own input size. */
export function modelContestant(
  models: ResizableModel,
  {
    size,
    generator,
    corrections,
    diameterOf,
    ...identity
  }: Omit<Contestant, 'open' | 'size'> & {
    size: number
    generator?: Partial<GeneratorOptions>
    corrections?: number
    diameterOf?: DiameterOf
  },
): Contestant {
  return {
    ...identity,
    size,
    async open(prompts, signal) {
      const model = await models.at(size)
      const adapter = identity.path === null ? null : await loadAdapter(model, identity.path)
      try {
        if (generator && prompts.includes('auto')) checkPrompts(model, generator, identity.name)
        const band = await adapterBand(identity.path, model)
        const scaleOf = diameterOf && ((item: DatasetItem) => ({ diameter: diameterOf(item), band }))
        const segmenter = await openModelSegmenter(model, { prompts, generator, corrections, scaleOf, signal })
        return {
          ...segmenter,
          close() {
            segmenter.close()
            adapter?.release()
          },
        }
      } catch (error) {
        adapter?.release()
        throw error
      }
    },
  }
}
