/** @file The particle sizes that a model knows, from the profile of its adapter. */
import type { SamModel } from '../../engine/sam/sam-model'
import { bandOfQuantiles, type DiameterBand, defaultBand } from '../../engine/scale/view'
import { readAdapterProfile } from '../weights/adapter-profile'

/**
 * The band of diameters at the input of a model with an adapter; that of a model without one if the adapter is null or does
 * not know its sizes. An adapter that is used at the input of its training, which is smaller than the model's own, asks for
 * tiles that show as much detail as the model's own input.
 * @throws UserError if the adapter's profile is damaged
 */
export async function adapterBand(
  adapter: string | null,
  { inputSize, architecture }: Pick<SamModel, 'inputSize' | 'architecture'>,
): Promise<DiameterBand> {
  const { diameters, size } = adapter === null ? {} : await readAdapterProfile(adapter)
  if (!diameters) return defaultBand
  return bandOfQuantiles(diameters, size === inputSize ? architecture.imageSize / inputSize : 1)
}
