/** @file How an adapter compares with the base model, in sentences. */
import { meanScore, STRENGTHS } from '../../../../engine/finetune/strength'
import { thresholdText } from '../../../evaluation/tuned-thresholds'
import type { AdapterSummary } from '../../calls'
import { percent } from './training'

const among = STRENGTHS.join(', ').replace(/, (?=[^,]*$)/, ' and ')

/** The strength that was chosen, with the scores on each source of images, and the thresholds; empty if nothing is known. */
export function comparison({ training, strength, thresholds }: AdapterSummary): string {
  if (!strength && !thresholds)
    return training
      ? 'Its strength and its thresholds were not chosen: a training does that after its last step, unless it is ended early.'
      : ''
  return [strength && strengthText(strength), thresholds && thresholdsText(thresholds)].filter(Boolean).join(' ')
}

function strengthText({ value, safe, sources }: NonNullable<AdapterSummary['strength']>): string {
  const scores = sources.map(
    ({ name, base, adapter }) => `${name} ${percent(meanScore(base))} → ${percent(meanScore(adapter))}`,
  )
  const why = safe
    ? 'the best with which no images are segmented worse than by the base model'
    : 'the one that loses least: with each of them some images are segmented worse than by the base model'
  return `Of the strengths ${among}, ${value} was chosen, ${why}. Base model → adapter: ${scores.join(', ')}.`
}

const thresholdsText = (thresholds: NonNullable<AdapterSummary['thresholds']>) =>
  `Proposals begin with the thresholds that were tuned for it: ${thresholdText(thresholds)}.`
