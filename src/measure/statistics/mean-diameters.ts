/**
 * @file Mean diameters D[p,q] of ISO 9276-2 (moment-ratio notation): the p-th moment of the sizes divided by the q-th, to the
 * power of 1 / (p - q), both moments weighted by number.
 */
import type { Weighted } from '../../statistics/weighted'

/** D[1,0] arithmetic, D[2,0] of the mean area, D[3,0] of the mean volume, D[3,2] Sauter, D[4,3] De Brouckere (by volume). */
export const meanDiameters = {
  'd[1,0]': { p: 1, q: 0, about: 'arithmetic mean' },
  'd[2,0]': { p: 2, q: 0, about: 'diameter of the mean area' },
  'd[3,0]': { p: 3, q: 0, about: 'diameter of the mean volume' },
  'd[3,2]': { p: 3, q: 2, about: 'Sauter mean: the same volume per surface as all particles' },
  'd[4,3]': { p: 4, q: 3, about: 'mean by volume' },
} as const
export type MeanDiameter = keyof typeof meanDiameters
export const meanDiameterNames = Object.keys(meanDiameters) as MeanDiameter[]

/** All of them. @param by sizes, weighted by number @returns null if the weights sum to 0 */
export function meanDiametersOf({ values, weights }: Weighted): Record<MeanDiameter, number> | null {
  // sizes relative to the largest: powers of large numbers would overflow
  const unit = values[values.length - 1]
  const moments = [0, 0, 0, 0, 0]
  for (let i = 0; i < values.length; i++) {
    let term = weights[i]
    const relative = values[i] / unit
    for (let power = 0; power < moments.length; power++) {
      moments[power] += term
      term *= relative
    }
  }
  if (!(moments[0] > 0)) return null
  return Object.fromEntries(
    meanDiameterNames.map((name) => {
      const { p, q } = meanDiameters[name]
      return [name, unit * (moments[p] / moments[q]) ** (1 / (p - q))]
    }),
  ) as Record<MeanDiameter, number>
}
