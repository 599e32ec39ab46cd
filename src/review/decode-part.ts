/** @file The masks of one prompt, decoded in a part of an image that the predictor holds. */
import { type Region, regionSize } from '../../engine/image/box'
import { type Mask, maskArea } from '../../engine/masks/mask'
import { MaskScaler } from '../../engine/masks/mask-scaler'
import type { Predictor } from '../../engine/sam/predictor'
import { decodePrompts, type ImagePrompt, isAmbiguous } from '../../engine/sam/prompt-masks'
import { inRegion, maskInImage } from '../../engine/scale/prompt-parts'

/** Default stability_score_offset of Meta's segment-anything, in logits. */
const STABILITY_OFFSET = 1

export interface DecodedMask {
  /** In pixels of the image. */
  mask: Mask
  predictedIou: number
  stability: number
}

/** The masks of a prompt in pixels of the image, the best first: three of one point, otherwise one. */
export async function decodePart(predictor: Predictor, region: Region, prompt: ImagePrompt): Promise<DecodedMask[]> {
  const { maskSide, inputSize } = predictor.model
  const size = regionSize(region)
  const [segments] = await decodePrompts(predictor, size, [inRegion(prompt, region)], isAmbiguous(prompt))
  const scaler = new MaskScaler(maskSide, inputSize, size)
  return segments.map(({ logits, predictedIou }) => ({
    mask: maskInImage(scaler.mask(logits), region),
    predictedIou,
    stability: stability(scaler, logits),
  }))
}

/** #(logit > offset) / #(logit > -offset) at the image's size; 0 if the denominator is. */
function stability(scaler: MaskScaler, logits: Float32Array): number {
  const above = (threshold: number) => maskArea(scaler.mask(logits.map((value) => value - threshold)))
  const wide = above(-STABILITY_OFFSET)
  return wide ? above(STABILITY_OFFSET) / wide : 0
}
