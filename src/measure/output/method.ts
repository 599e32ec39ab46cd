/** @file How sizes were measured, for reports. */
import type { Summary, SummaryOptions } from '../summary'
import { axisName } from './histograms'

const edgeNames: Record<SummaryOptions['edges'], string> = {
  correct:
    'Particles that touch the image’s edge are left out. Each of the others has the weight (W H) / ((W − w − 1) (H − h − 1)), where w × h is its bounding box and W × H the image in pixels (Miles and Lantuéjoul): this corrects for large particles touching the edge more often',
  exclude:
    'Particles that touch the image’s edge are left out without correction: large particles are underrepresented',
  include: 'Particles that touch the image’s edge are included although they are cut off: their sizes are too small',
}

export function facts({ unit }: Summary, options: SummaryOptions, version: string): [string, string][] {
  return [
    ['Size', `The ${axisName(unit, options.diameter)}.`],
    ['By number', 'Each particle counts with its edge weight.'],
    ['By area', 'Each particle counts with its edge weight times its area in the image.'],
    [
      'By volume',
      'Each particle counts with its edge weight times the volume of a sphere of its equivalent circular diameter. This assumes spherical particles.',
    ],
    ['Edge', `${edgeNames[options.edges]}.`],
    [
      'Small particles',
      options.minPixels > 1
        ? `Particles of fewer than ${options.minPixels} pixels are left out.`
        : 'No particle is left out because of its size.',
    ],
    [
      'D10, D50, D90',
      'The smallest size at which the cumulative weight reaches 10, 50, 90 %; if it equals that fraction exactly, the mean of this size and the next. Span: (D90 − D10) / D50.',
    ],
    ['Effective n', 'The effective sample size (Kish), for particles of different weights: (Σw)² / Σw².'],
    [
      'Coverage',
      'The number of pixels covered by particles, including those at the edge, divided by the number of pixels of the images.',
    ],
    ['Density', 'The sum of the edge weights divided by the area of the images.'],
    ['Software', `wgsam ${version}`],
  ]
}
