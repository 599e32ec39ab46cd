/** @file The particle sizes that a model knows, from the profile in the folder of its adapter. */
import type { SamModel } from '../../engine/sam/sam-model'
import { adapterBand as bandOf } from '../../engine/scale/adapter-band'
import type { DiameterBand } from '../../engine/scale/view'
import { readAdapterProfile } from '../weights/adapter-profile'

/** See the engine's adapterBand; null: without an adapter, by what the weights know. @throws UserError if the adapter's profile is damaged */
export const adapterBand = async (
  adapter: string | null,
  model: Pick<SamModel, 'inputSize' | 'architecture' | 'profile'>,
): Promise<DiameterBand> => bandOf(adapter === null ? model.profile : await readAdapterProfile(adapter), model)
