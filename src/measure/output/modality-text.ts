/** @file Sentences on the modes of a size distribution, and on a D50 that lies between two of them. */
import { count } from '../../text/count'
import type { Modality } from '../statistics/modality'
import type { Scope } from '../summary'
import { percentText, short } from './numbers'

/** What the modes say; empty for a distribution with one mode. */
export function modalitySentences({ modality, imageMedians, distribution }: Scope, unit: string): string[] {
  return (['number', 'volume'] as const).flatMap((weighting) => {
    const found = modality[weighting]
    if (!found || found.modes.length < 2) return []
    const modes = found.modes.map(({ size, share }) => `${short(size)} ${unit} (${percentText(share)})`)
    const sentences = [
      `By ${weighting} the sizes have ${found.modes.length} peaks: at ${listed(modes)}, with few particles near ${listed(found.dips.map((dip) => `${short(dip)} ${unit}`))}.`,
    ]
    if (found.unstable) sentences.push(unstable(found, weighting, unit))
    if (found.unstable && weighting === 'number' && imageMedians)
      sentences.push(
        `The D50 of the ${count(imageMedians.images, 'image')} alone reach from ${short(imageMedians.low)} to ${short(imageMedians.high)} ${unit}, with the median ${short(imageMedians.median)} ${unit}.`,
      )
    const volume = distribution.volume.figures
    if (found.unstable && weighting === 'number' && volume && !modality.volume?.unstable)
      sentences.push(`By volume D50 is ${short(volume.d50.value)} ${unit}, and does not lie in a gap.`)
    return sentences
  })
}

const unstable = ({ d45, d55 }: Modality, weighting: string, unit: string) =>
  `D50 by ${weighting} lies in a gap and is unstable: with 5 % of the ${weighting === 'number' ? 'particles' : 'volume'} more on either side it would be anything from ${short(d45)} to ${short(d55)} ${unit}. Give the peaks and their shares instead.`

const listed = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`
