/** @file What an adapter, or a model that one was merged into, knows about itself, as the page says and uses it. */
import { scoreThresholdsOf } from '../../../engine/generate/filter'
import { speaksAgainst, type WarningAdvice } from '../../evaluation/adapter-warnings'
import type { AdapterProfile } from '../../web'
import type { AdapterSummary } from '../calls'

/** Advice in the terms of the page. */
const PAGE: WarningAdvice = {
  worse: 'remove the adapter for such images',
  ownSize: 'for such images remove the adapter and load the model at its own input size, or train at that size',
  watershed: 'train for longer or on more images',
}

/** The same for a model that an adapter was merged into. */
export const MERGED: WarningAdvice = {
  ...PAGE,
  worse: 'load the base model for such images',
  ownSize: 'for such images load the base model at its own input size',
}

/** @param head whether there is a prompt head: thresholds for masks of one kind of prompts do not suit those of the other */
export function knownSettings(
  profile: AdapterProfile,
  head: boolean,
  advice = PAGE,
): Pick<AdapterSummary, 'thresholds' | 'strength' | 'warnings'> {
  const { thresholds, strength } = profile
  const suit = thresholds?.prompts === (head ? 'learned' : 'grid')
  return {
    thresholds: suit ? scoreThresholdsOf(thresholds!) : null,
    strength: strength ?? null,
    warnings: speaksAgainst(profile, advice),
  }
}
