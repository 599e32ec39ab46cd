/**
 * @file What the measurements stored with an adapter say against it: where the base model or a watershed is better. Said at the
 * end of its training, and again by every command that uses it.
 */
import { fall, prompts, TOLERANCE } from '../../engine/finetune/strength'
import type { AdapterProfile, ComparedSource, StoredStrength } from '../../engine/train/adapter-profile'
import { thresholdsOverWatershed } from './tuned-thresholds'

/** The sources on which the base model at the same input is better. */
export const worseSources = ({ sources }: StoredStrength): ComparedSource[] =>
  sources.filter(({ base, adapter }) => fall(base, adapter) > TOLERANCE)

/**
 * For which prompts the base model at its own input is better than the adapter, as lines of text, one for each source; none if it
 * is better nowhere.
 */
export function betterAtOwnSize({ ownSize, sources }: StoredStrength): string[] {
  const percent = (x: number) => (100 * x).toFixed(2)
  return sources.flatMap(({ name, adapter, own }) => {
    if (!own) return []
    const better = prompts.filter((kind) => own[kind] - adapter[kind] > TOLERANCE)
    if (!better.length) return []
    const scores = (kind: (typeof prompts)[number]) =>
      `${percent(own[kind])}, with the adapter ${percent(adapter[kind])}`
    const where = better.map((kind) => `with ${kind} prompts (score ${scores(kind)})`).join(' and ')
    const others = prompts.filter((kind) => adapter[kind] - own[kind] > TOLERANCE)
    const but = others.map((kind) => `; with ${kind} prompts the adapter is better (${scores(kind)})`).join('')
    return [
      `on images like ${name} the base model at its own input of ${ownSize} is better ${where}${but}. ` +
        'An adapter for that input is trained without --size',
    ]
  })
}

/** Everything that speaks against an adapter, as lines of text; none if nothing is known. */
export function adapterWarnings({ strength, thresholds }: AdapterProfile): string[] {
  const worse = strength ? worseSources(strength).map(({ name }) => name) : []
  const watershed = thresholds && thresholdsOverWatershed(thresholds)
  return [
    ...(worse.length
      ? [
          `warning: at the end of its training this adapter was worse than its base model on images like ${worse.join(', ')}: leave out --adapter for such images`,
        ]
      : []),
    ...(strength ? betterAtOwnSize(strength).map((line) => `warning: ${line}`) : []),
    ...(watershed ? [watershed] : []),
  ]
}
