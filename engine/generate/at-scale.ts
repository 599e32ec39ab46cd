/** @file Finds an image's candidates at the scale that the model knows: on the whole image, or on tiles. */
import { equivalentDiameter } from '../masks/equivalent-diameter'
import type { RgbImage } from '../image/rgb-image'
import { tileCount } from '../image/tiles'
import type { Size } from '../image/size'
import { measuredSize, type ParticleSize, statedSize } from '../scale/particle-size'
import { refineView } from '../scale/refine-view'
import type { ScaleSettings } from '../scale/scale-settings'
import { chooseView, defaultBand, type View, wholeView } from '../scale/view'
import type { GeneratedSet } from './candidate'
import { filterCandidates } from './filter'
import type { GenerateHooks, MaskGenerator, NextImage } from './generator'
import type { GeneratorOptions } from './generator-options'

/** An estimate is made from as many masks or more. */
const MIN_MASKS = 5
/** The thresholds of the masks from which the diameter is estimated: few are needed, but they must be of particles. */
const ESTIMATE = { predIouThresh: 0.7, stabilityScoreThresh: 0.8 }

/** Progress and abort, with the parts of the image that are looked at. */
export interface ScaleHooks extends GenerateHooks {
  /** Called with each view before the model sees the image in it: the last one is that of the result. */
  onView?(view: View): void
}

/**
 * The candidates of an image in the view in which the model sees particles at a size that it knows. If their diameter is to
 * be estimated, it is the median of the masks found on the whole image, which are also the result if their size is right. An
 * option of the generator that cuts the image (tileSize, cropNLayers) takes the place of all this. If `hooks.finish` ends the search in
 * tiles, and fewer masks were found there than on the whole image, the result is that of the whole image.
 * @throws as MaskGenerator.candidates
 * @example
 * const generator = await MaskGenerator.create(model)
 * const { set, view } = await candidatesAtScale(generator, rgbImage, { diameter: 24 })
 */
export async function candidatesAtScale(
  generator: MaskGenerator,
  image: RgbImage,
  { diameter, band = defaultBand, limits }: ScaleSettings,
  hooks: ScaleHooks = {},
): Promise<{ set: GeneratedSet; view: View }> {
  const { options, model } = generator
  const first = firstView(generator, image, { diameter, band, limits })
  const candidates = (view: View) => {
    hooks.onView?.(view)
    return generator.candidates(image, hooks, view)
  }
  if (diameter !== 'auto' || isCut(options)) return { set: await candidates(first), view: first }
  const finished = () => hooks.finish?.aborted === true
  const kept = (set: GeneratedSet) => filterCandidates(set, options).kept.length
  const found = await refineView<{ set: GeneratedSet; view: View }>(
    first,
    async (view, before) => {
      const set = await candidates(view)
      return before && finished() && kept(set) < kept(before.set) ? before : { set, view }
    },
    ({ set }) =>
      finished() ? first : chooseView(image, model.inputSize, sizeOfCandidates(set, options), band, limits),
  )
  // of the whole image, the view that was chosen last says why it stayed so
  const { set, view } = found.result
  return { set, view: view === first && !finished() ? found.view : view }
}

/** True if options of the generator cut the image, whatever the size of its particles. */
const isCut = ({ tileSize, cropNLayers }: GeneratorOptions) => tileSize > 0 || cropNLayers > 0

/** The view in which candidatesAtScale sees an image first. */
function firstView(
  { options, model }: MaskGenerator,
  image: Size,
  { diameter, band = defaultBand, limits }: ScaleSettings,
): View {
  const whole = wholeView(image, model.inputSize)
  if (isCut(options)) {
    const { tileSize, tileHalo } = options
    if (!tileSize) return whole
    const magnification = model.inputSize / tileSize
    return { ...whole, tileSize, tileHalo, tiles: tileCount(image, tileSize, tileHalo), magnification }
  }
  if (diameter === 'auto' || diameter === 'none') return whole
  return chooseView(image, model.inputSize, statedSize(diameter), band, limits)
}

/** An image that is asked for next, as candidatesAtScale will see it first: see GenerateHooks.next. */
export const nextImage = (generator: MaskGenerator, image: RgbImage, scale: ScaleSettings): NextImage => ({
  image,
  view: firstView(generator, image, scale),
})

/** The size of the particles that the best candidates show; null if there are too few. */
function sizeOfCandidates(set: GeneratedSet, options: GeneratorOptions): ParticleSize | null {
  const { kept } = filterCandidates(set, {
    ...options,
    predIouThresh: Math.min(options.predIouThresh, ESTIMATE.predIouThresh),
    stabilityScoreThresh: Math.min(options.stabilityScoreThresh, ESTIMATE.stabilityScoreThresh),
  })
  return measuredSize(
    kept.map((i) => {
      const { area, box } = set.candidates[i]
      return { diameter: equivalentDiameter(area), length: Math.max(box.x1 - box.x0, box.y1 - box.y0) + 1 }
    }),
    MIN_MASKS,
  )
}
