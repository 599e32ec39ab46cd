/** @file The masks for one prompt of the review page: in the tile where it is most central, larger ones for objects that do not fit. */
import { type Region, sameRegion, wholeRegion } from '../../engine/image/box'
import type { Size } from '../../engine/image/size'
import { maskArea } from '../../engine/masks/mask'
import { encodeMask } from '../../engine/masks/rle'
import type { Predictor } from '../../engine/sam/predictor'
import type { ImagePrompt } from '../../engine/sam/prompt-masks'
import { completeMasks } from '../../engine/scale/complete-masks'
import { isCut, predictInParts } from '../../engine/scale/prompt-parts'
import type { View } from '../../engine/scale/view'
import { decodePart } from './decode-part'
import type { PromptReply } from './protocol'

/** A prompt for which nothing may be encoded needs an encoding. */
class NotEncoded extends Error {}

/**
 * @param predictor decodes the prompt on the embedding that is held: one with masks, if the prompt has one
 * @param hold encodes a part of the image, or all of it for null, and gives the time of that in ms, 0 if it was encoded
 *   already; null if it may not be encoded: then there are no masks
 */
export async function answerPrompt(
  predictor: Predictor,
  prompt: ImagePrompt,
  size: Size,
  view: View,
  hold: (part: Region | null) => Promise<number | null>,
): Promise<PromptReply> {
  const { maskSide } = predictor.model
  let encodedNow = false
  let ms = 0
  const predictIn = async (region: Region, [own]: ImagePrompt[]) => {
    const encoding = await hold(sameRegion(region, wholeRegion(size)) ? null : region)
    if (encoding === null) throw new NotEncoded()
    if (encoding > 0) encodedNow = true
    const start = performance.now()
    const found = await decodePart(predictor, region, own)
    ms += performance.now() - start
    return [completeMasks(found, ({ mask }) => isCut(mask, region, size, maskSide))]
  }
  const [masks] = await predictInParts(size, [prompt], view, maskSide, predictIn).catch((error: unknown) => {
    if (error instanceof NotEncoded) return [[]]
    throw error
  })
  return {
    masks: masks
      .filter(({ mask }) => maskArea(mask) > 0)
      .map(({ mask, ...measures }) => ({ segmentation: encodeMask(mask, size), ...measures })),
    ms,
    encodedNow,
  }
}
