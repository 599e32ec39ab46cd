/** @file The generator's tuned thresholds as text for people. */
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import type { StoredThresholds } from '../weights/adapter-profile'

const partNames: Record<StoredThresholds['part'], string> = {
  train: 'training ',
  val: 'validation ',
  test: 'test ',
  all: '',
}

/** Both thresholds as text. */
export const thresholdText = ({
  predIouThresh,
  stabilityScoreThresh,
}: Pick<GeneratorOptions, 'predIouThresh' | 'stabilityScoreThresh'>): string =>
  `predicted IoU above ${predIouThresh}, stability from ${stabilityScoreThresh}`

/** Where an adapter's thresholds come from, and what they are: "tuned on 6 validation images: predicted IoU above …". */
export const describeThresholds = (stored: StoredThresholds): string =>
  `tuned on ${stored.images} ${partNames[stored.part]}image${stored.images === 1 ? '' : 's'}: ${thresholdText(stored)}`

/** What they gained where they were tuned: "F1 54.3 % with the defaults, 71.2 % with these". */
export const thresholdGain = ({ f1: { before, after } }: StoredThresholds): string =>
  `F1 ${(100 * before).toFixed(1)} % with the default ones, ${(100 * after).toFixed(1)} % with these`
