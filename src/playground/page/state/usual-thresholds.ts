/** @file The thresholds of proposals as long as nobody typed any. */
import { type ScoreThresholds, scoreThresholdsOf } from '../../../../engine/generate/filter'
import { defaultGeneratorOptions } from '../../../../engine/generate/generator-options'
import type { FinderSummary } from '../../calls'

/** Its own if it has any, else the defaults; null: before a model is open. */
export const usualThresholds = (finder: Pick<FinderSummary, 'thresholds'> | null): ScoreThresholds =>
  finder?.thresholds ?? scoreThresholdsOf(defaultGeneratorOptions)
