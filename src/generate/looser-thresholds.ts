/** @file Thresholds that keep more of what a model without an adapter finds. */

/** Thresholds for a model that has not been trained on particles: a wrong mask is removed faster than a missing one is drawn. */
export const LOOSER = { predIouThresh: 0.7, stabilityScoreThresh: 0.8 } as const
