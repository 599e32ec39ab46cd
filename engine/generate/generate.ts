/** @file All masks of an image as one call, as `wgsam generate` finds them. */
import type { Box } from '../image/box'
import type { Size } from '../image/size'
import type { Mask } from '../masks/mask'
import type { SamModel } from '../sam/sam-model'
import { adapterBand } from '../scale/adapter-band'
import { checkDiameter } from '../scale/scale-settings'
import { bandOfQuantiles, type DiameterBand, type DiameterQuantiles, type View } from '../scale/view'
import { type ImageSource, readPixels } from '../segment/image-source'
import type { AdapterProfile } from '../train/adapter-profile'
import { candidatesAtScale } from './at-scale'
import type { GeneratedSet } from './candidate'
import { filterCandidates, scoreThresholdsOf } from './filter'
import { MaskGenerator } from './generator'
import { checkGeneratorOptions, type GeneratorOptions, promptsUsed } from './generator-options'

/** Settings of one call; docs/generator.md says what the generator's options do. */
export interface GenerateOptions extends Partial<GeneratorOptions> {
  /**
   * The particles' median diameter, pixels of the image: where particles are too small for the model, the image is seen in tiles that
   * magnify them. 'auto' (default) estimates it, 'none' always shows the whole image.
   */
  diameter?: number | 'auto' | 'none'
  /**
   * What the attached adapter knows about itself: `profile` of a training result or of `openAdapter`; without an adapter by default
   * what the weights know. Its thresholds are used unless others are given, if they were tuned for the same kind of prompts, and its
   * sizes unless `sizes` is given.
   */
  profile?: AdapterProfile
  /** The sizes that the model knows: `diameters` of a training result, or a band; by default those of the profile, or of SAM. */
  sizes?: DiameterQuantiles | DiameterBand
  /** Prompts decoded so far, and in total; the total may grow. */
  onProgress?(done: number, total: number): void
  /** Ends the call before its next pass; it then rejects with the signal's reason. */
  signal?: AbortSignal
  /** Ends the search before its next pass; the result is then what was found until there. */
  finish?: AbortSignal
  /** Called with each view before the model sees the image in it, such as the number of tiles. */
  onView?(view: View): void
}

/** A mask that passed all filters. */
export interface GeneratedMask {
  mask: Mask
  /** Pixels. */
  area: number
  /** Its first and last column and row in the image, all inclusive. */
  box: Box
  /** The model's own estimate of the mask's IoU, about 0 to 1. */
  predictedIou: number
  /** IoU of the mask at a raised and at a lowered threshold, 0 to 1. */
  stability: number
}

/** What `generate` found in an image. */
export interface Generated {
  /** Of the image, pixels. */
  size: Size
  /** The highest predicted IoU first. */
  masks: GeneratedMask[]
  /** All candidates: `filterCandidates` chooses among them by other thresholds in milliseconds. */
  set: GeneratedSet
  /** The parts of the image that the model saw. */
  view: View
}

/**
 * All masks of an image. Prompts come from the prompt head of the adapter that is attached, if it has one, else from a grid of points.
 * For many images make a `MaskGenerator`, which records the model once.
 * @param image RGB bytes, ImageData, ImageBitmap, canvas, image or video element, or a GPUTexture of the engine's device
 * @throws SettingError that names a wrong option, or if the image cannot be read · GpuError if the device reported an error · the signal's reason
 * @example
 * const { masks } = await generate(model, canvas, { predIouThresh: 0.8, onProgress: (done, total) => show(done / total) })
 * for (const { area, box } of masks) console.log(area, box.x0, box.y0)
 */
export async function generate(model: SamModel, image: ImageSource, options: GenerateOptions = {}): Promise<Generated> {
  const {
    diameter = 'auto',
    profile = ownProfile(model),
    sizes,
    onProgress,
    signal,
    finish,
    onView,
    ...others
  } = options
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined))
  signal?.throwIfAborted()
  checkDiameter(diameter)
  checkGeneratorOptions(given)
  const pixels = await readPixels(model.engine, image)
  const generator = await MaskGenerator.create(model, {
    ...thresholdsOf(profile, model.promptHead !== null, given),
    ...given,
  })
  try {
    const scale = { diameter, band: sizes ? bandOf(sizes) : adapterBand(profile, model) }
    const { set, view } = await candidatesAtScale(generator, pixels, scale, { onProgress, signal, finish, onView })
    const masks = filterCandidates(set, generator.options).kept.map((i) => {
      const { mask, area, box, predictedIou, stability } = set.candidates[i]
      return { mask, area, box, predictedIou, stability }
    })
    return { size: set.size, masks, set, view }
  } finally {
    generator.destroy()
  }
}

const ownProfile = (model: SamModel): AdapterProfile => (model.adapted ? {} : model.profile)

/** The thresholds of a profile, if they are for the prompts that are going to be used. */
function thresholdsOf(
  { thresholds }: AdapterProfile,
  head: boolean,
  given: Partial<GeneratorOptions>,
): Partial<GeneratorOptions> {
  if (thresholds?.prompts !== promptsUsed(checkGeneratorOptions(given), head)) return {}
  return scoreThresholdsOf(thresholds)
}

const bandOf = (sizes: DiameterQuantiles | DiameterBand): DiameterBand =>
  'low' in sizes ? sizes : bandOfQuantiles(sizes)
