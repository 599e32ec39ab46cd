/** @file The option --diameter, shared by all commands that predict. */
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import { type Option, text, type Values } from '../../cli/options'
import { UserError } from '../../host/errors'
import { type Diameter, parseDiameter } from '../../images/diameter'

export const diameterOption: Record<string, Option> = {
  diameter: {
    type: 'string',
    value: 'LENGTH',
    description:
      'typical diameter of the particles: pixels such as 24px, a length such as 12um, auto (estimate it for each image) or ' +
      'none. Where particles are too small for the model, the image is seen in tiles that magnify them; none never does ' +
      '(default auto)',
  },
}

export const pixelSizeOption: Record<string, Option> = {
  'pixel-size': {
    type: 'string',
    value: 'LENGTH',
    description: 'side of a pixel, e.g. 12nm (default: read from the image file)',
  },
}

/**
 * The diameter that was given, 'auto' by default. Options of the generator that cut the image take its place.
 * @throws UserError for a malformed value, or together with such an option
 */
export function readDiameter(
  values: Values,
  { tileSize, cropNLayers }: Partial<Pick<GeneratorOptions, 'tileSize' | 'cropNLayers'>> = {},
): Diameter {
  const typed = text(values, 'diameter')
  const cut = tileSize ? '--tile-size' : cropNLayers ? '--crop-n-layers' : null
  const diameter = parseDiameter(typed ?? (cut ? 'none' : 'auto'))
  if (cut && diameter !== 'none')
    throw new UserError(`--diameter and ${cut} do not go together: --diameter chooses the tiles itself`)
  return diameter
}
