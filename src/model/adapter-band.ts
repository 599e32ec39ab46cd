/** @file The particle sizes that a model knows, from the profile of its adapter. */
import { bandOfQuantiles, type DiameterBand, defaultBand } from '../../engine/scale/view'
import { readAdapterProfile } from '../weights/adapter-profile'

/**
 * The band of diameters at the input of a model with an adapter; that of a model without one if the adapter is null or does
 * not know its sizes.
 * @throws UserError if the adapter's profile is damaged
 */
export async function adapterBand(adapter: string | null): Promise<DiameterBand> {
  const { diameters } = adapter === null ? {} : await readAdapterProfile(adapter)
  return diameters ? bandOfQuantiles(diameters) : defaultBand
}
