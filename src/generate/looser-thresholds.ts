/** @file Thresholds that keep more of what a model finds. */
import type { ScoreThresholds } from '../../engine/generate/filter'

/**
 * Thresholds for images where few masks were kept: nearly all that was found. A wrong mask is removed faster than a missing one is
 * drawn.
 */
export const LOOSER: ScoreThresholds = { predIouThresh: 0.5, stabilityScoreThresh: 0.5, relativeScoreThresh: 0 }
