/** @file How the scale is chosen at which a model sees images. */
import { SettingError } from '../setting-error'
import type { DiameterBand, ViewLimits } from './view'

/** How large the particles are and which sizes the model knows, from which the scale of an image is chosen. */
export interface ScaleSettings {
  /** The particles' median diameter in pixels of the image; 'auto' to estimate it, 'none' to see the whole image always. */
  diameter: number | 'auto' | 'none'
  /** The sizes that the model knows; `defaultBand` by default. */
  band?: DiameterBand
  limits?: ViewLimits
}

/** @throws SettingError if a diameter is none that `ScaleSettings` takes */
export function checkDiameter(diameter: unknown): void {
  if (diameter === 'auto' || diameter === 'none') return
  if (typeof diameter !== 'number' || !(diameter > 0) || diameter === Infinity)
    throw new SettingError(`diameter must be 'auto', 'none' or a number of pixels above 0, not ${String(diameter)}`)
}
