/** @file How the scale is chosen at which a model sees images. */
import type { DiameterBand, ViewLimits } from './view'

/** How large the particles are and which sizes the model knows, from which the scale of an image is chosen. */
export interface ScaleSettings {
  /** The particles' median diameter in pixels of the image; 'auto' to estimate it, 'none' to see the whole image always. */
  diameter: number | 'auto' | 'none'
  /** The sizes that the model knows; `defaultBand` by default. */
  band?: DiameterBand
  limits?: ViewLimits
}
