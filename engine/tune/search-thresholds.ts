/** @file Finds the generator's thresholds for a model with its adapter on a few labelled images. */
import { nextImage } from '../generate/at-scale'
import { MaskGenerator } from '../generate/generator'
import { defaultGeneratorOptions, type GeneratorOptions } from '../generate/generator-options'
import type { Sample } from '../image/sample'
import { ReadAhead } from '../read-ahead'
import type { SamModel } from '../sam/sam-model'
import type { ScaleSettings } from '../scale/scale-settings'
import { type DiameterBand, defaultViewLimits, type View } from '../scale/view'
import type { AdapterProfile } from '../train/adapter-profile'
import { findTuneImage, type TuneImage, TUNING_FLOORS } from './tune-thresholds'
import { tuneGenerator } from './tune-generator'

/**
 * What the search costs for an image: tiles, and without learned prompts points along each side of the grid. On a GPU these
 * are seconds, on a software adapter minutes. Thresholds judge single masks, so a coarser grid than the generator's can serve.
 * With fewer tiles than the generator's, particles are magnified less where they are very small.
 */
const EFFORT = {
  gpu: {
    limits: defaultViewLimits,
    pointsPerSide: defaultGeneratorOptions.pointsPerSide,
    pointsPerBatch: 64,
  },
  software: { limits: { ...defaultViewLimits, tiles: 9 }, pointsPerSide: 10, pointsPerBatch: 16 },
}

export interface SearchOptions {
  /** The sizes that the adapter knows. */
  band: DiameterBand
  /** Polled between decoder passes; true ends the search without a result. */
  stop(): boolean
  /** The image that is searched, and how much of it is done, 0 to 1. */
  onProgress?(image: number, part: number): void
  /** Called after each image with the parts of it that the model saw. */
  onImage?(image: number, view: View): void
  /**
   * Of several processes that divide the images: receives what this one has found, null if it was stopped, and resolves with what all have
   * found, in their order; null where nothing is to be searched.
   */
  gather?(found: TuneImage[] | null): Promise<TuneImage[] | null>
}

/**
 * Searches thresholds, and calibrates the predicted IoU, as the generator is going to see such images.
 * @param model with its adapter
 * @param images each is read when its turn comes, or while the image before it is searched
 * @returns null if it was stopped
 */
export async function searchThresholds(
  model: SamModel,
  images: readonly (() => Promise<Sample>)[],
  { band, stop, onProgress, onImage, gather = async (found) => found }: SearchOptions,
): Promise<Pick<AdapterProfile, 'thresholds' | 'calibration'> | null> {
  const { pointsPerSide, pointsPerBatch, limits } = model.engine.software ? EFFORT.software : EFFORT.gpu
  const options: Partial<GeneratorOptions> = { pointsPerSide, pointsPerBatch, ...TUNING_FLOORS, keepLogits: false }
  const scale: ScaleSettings = { diameter: 'auto', band, limits }
  const generator = await MaskGenerator.create(model, options)
  const coarse = generator.options.prompts === 'grid' && pointsPerSide < defaultGeneratorOptions.pointsPerSide
  const controller = new AbortController()
  let found: TuneImage[] | null = []
  try {
    const samples = new ReadAhead(images)
    for (const i of images.keys()) {
      if (stop()) {
        found = null
        break
      }
      const sample = await samples.take(i)
      const report = (done: number, total: number) => {
        onProgress?.(i, done / total)
        if (stop()) controller.abort(new Error('stopped'))
      }
      const next = () => samples.next && nextImage(generator, samples.next, scale)
      const settings = { scale, coarse, signal: controller.signal, onProgress: report, next }
      const { view, ...image } = await findTuneImage(generator, sample, { ...sample, data: sample.labels }, settings)
      onImage?.(i, view)
      found.push(image)
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error
    found = null
  } finally {
    generator.destroy()
  }
  const all = await gather(found)
  if (!all) return null
  const { parts } = await tuneGenerator(all, generator.options, 'val', { areas: false })
  return parts
}
