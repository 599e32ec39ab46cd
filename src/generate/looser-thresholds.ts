/** @file Thresholds that keep more of what a model finds. */
import type { ScoreThresholds } from '../../engine/generate/filter'
import { defaultGeneratorOptions } from '../../engine/generate/generator-options'

/**
 * Thresholds for images where few masks were kept: by default all that was found passes them. A wrong mask is removed faster than a
 * missing one is drawn.
 */
export const LOOSER: ScoreThresholds = {
  predIouThresh: defaultGeneratorOptions.floorPredIou,
  stabilityScoreThresh: defaultGeneratorOptions.floorStability,
  relativeScoreThresh: 0,
}
