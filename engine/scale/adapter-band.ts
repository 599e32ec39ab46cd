/** @file The particle sizes that a model knows, from what its adapter knows about itself. */
import type { SamModel } from '../sam/sam-model'
import type { AdapterProfile } from '../train/adapter-profile'
import { bandOfQuantiles, type DiameterBand, defaultBand } from './view'

/**
 * The band of diameters at the input of a model with an adapter; that of a model without one if the profile has no sizes. An
 * adapter that is used at the input of its training, which is smaller than the model's own, asks for tiles that show as much
 * detail as the model's own input.
 */
export function adapterBand(
  { diameters, size }: Pick<AdapterProfile, 'diameters' | 'size'>,
  { inputSize, architecture }: Pick<SamModel, 'inputSize' | 'architecture'>,
): DiameterBand {
  if (!diameters) return defaultBand
  return bandOfQuantiles(diameters, size === inputSize ? architecture.imageSize / inputSize : 1)
}
