/** @file Which of the masks of one prompt are particles, if they were found in a tile. */
import { type Mask, maskArea } from '../masks/mask'

/** The predicted IoU from which a mask is taken although the model prefers another that a tile cuts. */
const CREDIBLE_IOU = 0.5

/**
 * The masks of a prompt that its tile does not cut. Tiles are large enough for particles, so of three masks of a point those that
 * continue beyond it are probably no particles, even if the model prefers one. If no other is credible, the best alone: it asks for a
 * larger part of the image.
 * @param found the best first
 */
export function completeMasks<Found extends { mask: Mask; predictedIou: number }>(
  found: Found[],
  cut: (one: Found) => boolean,
): Found[] {
  const complete = found.filter((one) => !cut(one))
  const credible = complete.some(({ mask, predictedIou }) => predictedIou >= CREDIBLE_IOU && maskArea(mask) > 0)
  return credible || complete[0] === found[0] ? complete : [found[0]]
}
