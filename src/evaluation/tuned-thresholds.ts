/** @file Tunes the generator for an adapter: thresholds and calibration as the adapter stores them, and as text for people. */
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import type { AdapterProfile, StoredThresholds } from '../weights/adapter-profile'
import { calibrateGenerator } from './calibrate-generator'
import { type TuneImage, type Tuned, tuneThresholds } from './tune-thresholds'

const partNames: Record<StoredThresholds['part'], string> = {
  train: 'training ',
  val: 'validation ',
  test: 'test ',
  all: '',
}

/**
 * Searches thresholds on images whose candidates were found with `options`, then calibrates the predicted IoU of the masks that
 * they let through.
 * @param options all options of the generator, whose `prompts` say which kind was used
 * @param part the part of the dataset that the images are from
 */
export async function tuneGenerator(
  images: readonly TuneImage[],
  options: GeneratorOptions,
  part: StoredThresholds['part'],
  { areas, onProgress }: { areas: boolean; onProgress?(done: number): void },
): Promise<{ tuned: Tuned; parts: Pick<AdapterProfile, 'thresholds' | 'calibration'> }> {
  const floors = { predIouThresh: options.floorPredIou, stabilityScoreThresh: options.floorStability }
  const tuned = await tuneThresholds(images, options, { floors, areas, onProgress })
  const used = { ...options, ...tuned.best.thresholds }
  const calibration = calibrateGenerator(images, used, options.floorPredIou) ?? undefined
  return { tuned, parts: { thresholds: storedThresholds(tuned, images, part, options), calibration } }
}

const storedThresholds = (
  { best, before }: Tuned,
  images: readonly TuneImage[],
  part: StoredThresholds['part'],
  { prompts, pointsPerSide }: Pick<GeneratorOptions, 'prompts' | 'pointsPerSide'>,
): StoredThresholds => ({
  predIouThresh: best.thresholds.predIouThresh,
  stabilityScoreThresh: best.thresholds.stabilityScoreThresh,
  part,
  images: images.length,
  instances: best.scores.instances,
  prompts: prompts === 'learned' ? prompts : 'grid',
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

/** What they gained where they were tuned: "F1 54.3 % with the defaults, 71.2 % with these". */
export const thresholdGain = ({ f1: { before, after } }: StoredThresholds): string =>
  `F1 ${(100 * before).toFixed(1)} % with the default ones, ${(100 * after).toFixed(1)} % with these`
