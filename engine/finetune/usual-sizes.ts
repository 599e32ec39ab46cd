/** @file The particle sizes that a training shows to a model. */
import { type MeasuredImage, sizeRange, type SizeRange } from '../augment/auto-magnification'
import type { SamModel } from '../sam/sam-model'

type Sized = Pick<SamModel, 'inputSize' | 'architecture'>

/** The side of the model's own input in pixels, or of the input in use if that is larger. */
export const ownInput = ({ inputSize, architecture }: Sized): number => Math.max(inputSize, architecture.imageSize)

/** The usual sizes of the particles in training images at the model's own input; null without particles. */
export const usualSizes = (model: Sized, images: readonly MeasuredImage[]): SizeRange | null =>
  sizeRange(images, ownInput(model))
