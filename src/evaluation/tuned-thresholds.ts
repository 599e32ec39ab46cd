/** @file Tuned thresholds as an adapter stores them, and as text for people. */
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import type { StoredThresholds } from '../weights/adapter-profile'
import type { TuneImage, Tuned } from './tune-thresholds'

const partNames: Record<StoredThresholds['part'], string> = {
  train: 'training ',
  val: 'validation ',
  test: 'test ',
  all: '',
}

/** The result of a search, as the adapter's profile stores it. */
export const storedThresholds = (
  { best, before }: Tuned,
  images: readonly TuneImage[],
  part: StoredThresholds['part'],
  { pointsPerSide }: Pick<GeneratorOptions, 'pointsPerSide'>,
): StoredThresholds => ({
  predIouThresh: best.thresholds.predIouThresh,
  stabilityScoreThresh: best.thresholds.stabilityScoreThresh,
  part,
  images: images.length,
  instances: best.scores.instances,
  pointsPerSide,
  f1: { before: rounded(before.f1), after: rounded(best.f1) },
})

const rounded = (value: number) => Number(value.toFixed(4))

/** Both thresholds as text. */
export const thresholdText = ({
  predIouThresh,
  stabilityScoreThresh,
}: Pick<GeneratorOptions, 'predIouThresh' | 'stabilityScoreThresh'>): string =>
  `predicted IoU above ${predIouThresh}, stability from ${stabilityScoreThresh}`

/** Where an adapter's thresholds come from, and what they are: "tuned on 6 validation images: predicted IoU above …". */
export const describeThresholds = (stored: StoredThresholds): string =>
  `tuned on ${stored.images} ${partNames[stored.part]}image${stored.images === 1 ? '' : 's'}: ${thresholdText(stored)}`
