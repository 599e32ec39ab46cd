/** @file The particles' diameter as a person states it, by which large images are seen in tiles. */
import { signal } from '@preact/signals'
import { messageOf } from '../../../host/errors'
import { type Diameter, diameterInPixels, parseDiameter } from '../../../images/diameter'
import { review } from './studio'

/** As it is typed: '24', '24px', '300nm'; '' if it is estimated. */
export const diameterText = signal('')

const parsed = (): Diameter => parseDiameter(diameterText.value.trim() || 'auto')

/** What is wrong with the diameter for some of the images; null if nothing is. */
export function diameterProblem(names: readonly string[]): string | null {
  try {
    const diameter = parsed()
    for (const name of names)
      diameterInPixels(diameter, { name, pixelSize: review.info(name).pixelSize }, 'the View tab')
    return null
  } catch (error) {
    return messageOf(error).replaceAll('--diameter ', '').replaceAll('--diameter', 'the diameter')
  }
}

/** In pixels of the image; null if it is to be estimated. */
export function diameterOf(name: string): number | null {
  if (diameterProblem([name])) return null
  const pixels = diameterInPixels(parsed(), { name, pixelSize: review.info(name).pixelSize })
  return typeof pixels === 'number' ? pixels : null
}
