/** @file What an adapter knows about itself, as the page says and uses it. */
import type { AdapterProfile } from '../../web'
import type { AdapterSummary } from '../calls'

/** @param head whether the adapter has a prompt head: thresholds for masks of one kind of prompts do not suit those of the other */
export function knownSettings(
  { thresholds, strength }: AdapterProfile,
  head: boolean,
): Pick<AdapterSummary, 'thresholds' | 'strength'> {
  const suit = thresholds?.prompts === (head ? 'learned' : 'grid')
  return {
    thresholds: suit
      ? { predIouThresh: thresholds!.predIouThresh, stabilityScoreThresh: thresholds!.stabilityScoreThresh }
      : null,
    strength: strength ?? null,
  }
}
