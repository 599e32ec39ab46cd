/**
 * @file Proposals without a model, for the first images: the parts that Otsu's threshold and a watershed find, as candidates beside
 * those of a model or in their place.
 */
import type { Candidate, GeneratedSet } from '../../engine/generate/candidate'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { rethreshold } from '../../engine/generate/rethreshold'
import { wholeRegion } from '../../engine/image/box'
import type { RgbImage } from '../../engine/image/rgb-image'
import { innermost } from '../../engine/masks/innermost'
import { type Mask, maskArea, maskBox } from '../../engine/masks/mask'
import { watershedMasks } from '../evaluation/watershed-baseline'

/** How masks are proposed: by the model, by a watershed, or by both together. */
export const methods = ['model', 'watershed', 'union'] as const
export type Method = (typeof methods)[number]

type Thresholds = Pick<GeneratorOptions, 'maskThreshold' | 'stabilityScoreOffset'>

const NOTHING_REMOVED = { floorPredIou: 0, floorStability: 0, cropEdge: 0, duplicates: 0, seams: 0 }

/** The watershed's parts of an image as candidates: without scores, so that thresholds of scores do not apply to them. */
export async function watershedCandidates(image: RgbImage, thresholds: Thresholds): Promise<GeneratedSet> {
  const empty = { size: image, candidates: [], overlaps: [], prompts: 0, masks: 0, removed: NOTHING_REMOVED }
  return withWatershed(empty, image, thresholds)
}

/**
 * A model's candidates together with the watershed's parts. A part is worse than every mask of the model, so that the filters keep
 * it only where the model found nothing like it.
 */
export async function withWatershed(
  set: GeneratedSet,
  image: RgbImage,
  { maskThreshold, stabilityScoreOffset }: Thresholds,
): Promise<GeneratedSet> {
  const found = watershedMasks(image).map((mask) => unscored(mask, image))
  const size = { width: image.width, height: image.height }
  const all = { size, candidates: [...set.candidates, ...found], overlaps: [] }
  // at the thresholds that they have nothing changes but the overlaps, which are found for all
  const { candidates, overlaps } = await rethreshold(all, { maskThreshold, stabilityScoreOffset })
  return { ...set, size, candidates, overlaps, masks: set.masks + found.length }
}

const unscored = (mask: Mask, image: RgbImage): Candidate => ({
  mask,
  area: maskArea(mask),
  box: maskBox(mask),
  predictedIou: 0,
  stability: 0,
  crop: wholeRegion(image),
  token: 0,
  point: innermost(mask),
  origin: 'watershed',
})
