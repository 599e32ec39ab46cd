/** @file The thresholds of proposals as long as nobody typed any. */
import type { ScoreThresholds } from '../../../../engine/generate/filter'
import { learnedThresholds } from '../../../../engine/generate/generator-options'
import { LOOSER } from '../../../generate/looser-thresholds'
import type { AdapterSummary } from '../../calls'

/** The adapter's own if it has any, else what suits its prompts; null: without an adapter. */
export const usualThresholds = (adapter: Pick<AdapterSummary, 'head' | 'thresholds'> | null): ScoreThresholds =>
  adapter?.thresholds ?? (adapter?.head ? learnedThresholds : { ...LOOSER, relativeScoreThresh: 0 })
