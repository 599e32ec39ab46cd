/**
 * @file What the measurements stored with an adapter say against it: where the base model or a watershed is better. Said at the
 * end of its training, and again by everything that uses it: the commands and the playground.
 */
import { fall, prompts, TOLERANCE } from '../../engine/finetune/strength'
import type { AdapterProfile, ComparedSource, StoredStrength } from '../../engine/train/adapter-profile'
import { thresholdsOverWatershed } from './tuned-thresholds'

/** What to do in each case, in the terms of the program that says it. */
export interface WarningAdvice {
  /** The base model is better on some images. */
  worse: string
  /** The base model is better at its own input size. */
  ownSize: string
  /** The watershed finds more particles. */
  watershed: string
}

/** Advice in the terms of the command line. */
export const COMMANDS: WarningAdvice = {
  worse: 'leave out --adapter for such images',
  ownSize: 'an adapter for that input is trained without --size',
  watershed: 'train for longer or on more images, or generate with --method watershed or union',
}

/** The sources on which the base model at the same input is better. */
export const worseSources = ({ sources }: StoredStrength): ComparedSource[] =>
  sources.filter(({ base, adapter }) => fall(base, adapter) > TOLERANCE)

/**
 * For which prompts the base model at its own input is better than the adapter, as lines of text, one for each source; none if it
 * is better nowhere.
 */
export function betterAtOwnSize({ ownSize, sources }: StoredStrength, advice = COMMANDS): string[] {
  const percent = (x: number) => (100 * x).toFixed(2)
  return sources.flatMap(({ name, adapter: whole, own, used: adapter = whole }) => {
    if (!own) return []
    const better = prompts.filter((kind) => own[kind] - adapter[kind] > TOLERANCE)
    if (!better.length) return []
    const scores = (kind: (typeof prompts)[number]) =>
      `${percent(own[kind])}, with the adapter ${percent(adapter[kind])}`
    const where = better.map((kind) => `with ${kind} prompts (score ${scores(kind)})`).join(' and ')
    const others = prompts.filter((kind) => adapter[kind] - own[kind] > TOLERANCE)
    const but = others.map((kind) => `; with ${kind} prompts the adapter is better (${scores(kind)})`).join('')
    return [
      `on images like ${name} the base model at its own input of ${ownSize} is better ${where}${but}: ${advice.ownSize}`,
    ]
  })
}

/** Everything that speaks against an adapter, as lines of text; none if nothing is known. */
export function speaksAgainst({ strength, thresholds }: AdapterProfile, advice = COMMANDS): string[] {
  const worse = strength ? worseSources(strength).map(({ name }) => name) : []
  const watershed = thresholds && thresholdsOverWatershed(thresholds, advice.watershed)
  return [
    ...(worse.length
      ? [
          `at the end of its training this adapter was worse than its base model on images like ${worse.join(', ')}: ${advice.worse}`,
        ]
      : []),
    ...(strength ? betterAtOwnSize(strength, advice) : []),
    ...(watershed ? [watershed] : []),
  ]
}

/** Advice in the terms of the command line for a model that an adapter was merged into. */
export const FOR_MERGED: WarningAdvice = { ...COMMANDS, worse: 'use the base model for such images' }

/** The same as warnings of a command. */
export const adapterWarnings = (profile: AdapterProfile, advice = COMMANDS): string[] =>
  speaksAgainst(profile, advice).map((line) => `warning: ${line}`)
