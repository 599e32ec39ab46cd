/** @file The thresholds of proposals as long as nobody typed any. */
import type { ScoreThresholds } from '../../../../engine/generate/filter'
import { learnedThresholds } from '../../../../engine/generate/generator-options'
import { LOOSER } from '../../../generate/looser-thresholds'
import type { FinderSummary } from '../../calls'

/** Its own if it has any, else what suits its prompts; null: before a model is open. */
export const usualThresholds = (finder: Pick<FinderSummary, 'head' | 'thresholds'> | null): ScoreThresholds =>
  finder?.thresholds ?? (finder?.head ? learnedThresholds : { ...LOOSER, relativeScoreThresh: 0 })
