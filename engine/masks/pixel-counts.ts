/** @file Definitions of Dice, IoU, mIoU and accuracy from counts of pixels. docs/metrics.md gives the reasons. */

/** The confusion matrix of an image's pixels; the foreground are the particles. */
export interface Confusion {
  truePositive: number
  falsePositive: number
  falseNegative: number
  trueNegative: number
}

/** Fractions from 0 to 1. */
export interface SemanticScores {
  /** 2·TP / (2·TP + FP + FN). */
  dice: number
  /** Mean of the IoU of the foreground and that of the background. */
  miou: number
  /** The fraction of pixels that are right. */
  accuracy: number
}

export interface InstanceScores {
  dice: number
  iou: number
}

/** A ratio that is 1 if its denominator is 0: nothing was to be found and nothing was found. */
const share = (part: number, whole: number) => (whole > 0 ? part / whole : 1)

export function semanticScores({
  truePositive: tp,
  falsePositive: fp,
  falseNegative: fn,
  trueNegative: tn,
}: Confusion): SemanticScores {
  return {
    dice: share(2 * tp, 2 * tp + fp + fn),
    miou: (share(tp, tp + fp + fn) + share(tn, tn + fp + fn)) / 2,
    accuracy: share(tp + tn, tp + fp + fn + tn),
  }
}

/** The scores of a predicted mask against an instance, from the pixels in both, in the mask and in the instance. */
export function instanceScores(both: number, predicted: number, actual: number): InstanceScores {
  return { dice: share(2 * both, predicted + actual), iou: share(both, predicted + actual - both) }
}

export const addConfusion = (a: Confusion, b: Confusion): Confusion => ({
  truePositive: a.truePositive + b.truePositive,
  falsePositive: a.falsePositive + b.falsePositive,
  falseNegative: a.falseNegative + b.falseNegative,
  trueNegative: a.trueNegative + b.trueNegative,
})

export const noPixels: Confusion = { truePositive: 0, falsePositive: 0, falseNegative: 0, trueNegative: 0 }

/** The value of pixels of `actual` that are neither foreground nor background. */
export const IGNORED = 2

/**
 * Counts the pixels of two maps of 0 and 1.
 * @param actual pixels of the value IGNORED are not counted
 */
export function confusion(predicted: Uint8Array, actual: Uint8Array): Confusion {
  // indexed by 2·actual + predicted; IGNORED pixels fall into the last two
  const counts = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < actual.length; i++) counts[2 * actual[i] + predicted[i]]++
  return { trueNegative: counts[0], falsePositive: counts[1], falseNegative: counts[2], truePositive: counts[3] }
}

/** The mean; NaN for no values. */
export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
