/** @file In which parts of an image the prompt tool shows it to the model, from the diameter of its particles. */
import { statedSize } from '../../engine/scale/particle-size'
import { viewForPrompts } from '../../engine/scale/prompt-parts'
import type { DiameterBand, View } from '../../engine/scale/view'
import { type Diameter, diameterInPixels } from '../images/diameter'
import type { PixelSize } from '../images/micrograph'
import type { ReviewFolder } from '../project/review/review-folder'

/** The view of an image by its name. @param band the sizes that the model knows */
export type ViewOf = (name: string, inputSize: number, band?: DiameterBand) => View

/**
 * The views of a folder's images. With 'auto' the diameter is that of the masks; an image keeps its view from the moment that its
 * diameter is known, so that edits do not make its encoded parts useless.
 * @param pixelSize of all images; null for what each image records
 * @returns null if images are always seen whole
 * @throws UserError naming the first image whose pixel size a length would need
 */
export function promptViews(folder: ReviewFolder, diameter: Diameter, pixelSize: PixelSize | null): ViewOf | null {
  if (diameter === 'none') return null
  const pixelsOf = (name: string) =>
    diameterInPixels(diameter, { name, pixelSize: pixelSize ?? folder.info(name).pixelSize })
  for (const { info, problem } of folder.summaries) if (problem === null) pixelsOf(info.name)
  const known = new Map<string, View>()
  return (name, inputSize, band) => {
    const kept = known.get(name)
    if (kept) return kept
    const pixels = pixelsOf(name)
    const size = typeof pixels === 'number' ? statedSize(pixels) : folder.particleSize(name)
    const view = viewForPrompts(folder.info(name), inputSize, size, 1, { band })
    if (size) known.set(name, view)
    return view
  }
}
