/** @file The generator's tuned thresholds as text for people. */
import type { ScoreThresholds } from '../../engine/generate/filter'
import type { StoredThresholds } from '../weights/adapter-profile'

const partNames: Record<StoredThresholds['part'], string> = {
  train: 'training ',
  val: 'validation ',
  test: 'test ',
  all: '',
}

/** The thresholds as text. */
export const thresholdText = ({ predIouThresh, stabilityScoreThresh, relativeScoreThresh }: ScoreThresholds): string =>
  `predicted IoU above ${predIouThresh}, stability from ${stabilityScoreThresh}` +
  (relativeScoreThresh ? `, both together from ${relativeScoreThresh} of the image’s best` : '')

/** Where an adapter's thresholds come from, and what they are: "tuned on 6 validation images: predicted IoU above …". */
export const describeThresholds = (stored: StoredThresholds): string =>
  `tuned on ${stored.images} ${partNames[stored.part]}image${stored.images === 1 ? '' : 's'}: ${thresholdText(stored)}`

/** What they gained where they were tuned: "F1 54.3 % with the defaults, 71.2 % with these". */
export const thresholdGain = ({ f1: { before, after, watershed } }: StoredThresholds): string =>
  `F1 ${percent(before)} with the default ones, ${percent(after)} with these` +
  (watershed === undefined ? '' : `; the watershed, which needs no model, has ${percent(watershed)}`)

/** That the watershed finds more than the adapter, with what to do; null where it does not. */
export const thresholdsOverWatershed = (
  { f1: { after, watershed } }: StoredThresholds,
  advice: string,
): string | null =>
  watershed !== undefined && watershed > after
    ? `on the images of the tuning the watershed finds more particles than the adapter (F1 ${percent(watershed)} against ${percent(after)}): ${advice}`
    : null

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
