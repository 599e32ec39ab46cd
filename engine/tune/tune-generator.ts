/** @file Tunes the generator for an adapter: thresholds and calibration as the adapter stores them. */
import { scoreThresholdsOf } from '../generate/filter'
import type { GeneratorOptions } from '../generate/generator-options'
import type { AdapterProfile, StoredThresholds } from '../train/adapter-profile'
import { calibrateGenerator } from './calibrate-generator'
import { TUNED_RELATIVE_SCORE, type TuneImage, type Tuned, tuneThresholds } from './tune-thresholds'

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
  {
    areas,
    relativeScore = TUNED_RELATIVE_SCORE,
    onProgress,
  }: { areas: boolean; relativeScore?: number | undefined; onProgress?(done: number): void },
): Promise<{ tuned: Tuned; parts: Pick<AdapterProfile, 'thresholds' | 'calibration'> }> {
  const floors = { predIouThresh: options.floorPredIou, stabilityScoreThresh: options.floorStability }
  const tuned = await tuneThresholds(images, options, { floors, areas, relativeScore, onProgress })
  const used = { ...options, ...tuned.chosen.thresholds }
  const calibration = calibrateGenerator(images, used, options.floorPredIou) ?? undefined
  return { tuned, parts: { thresholds: storedThresholds(tuned, images, part, options), calibration } }
}

const storedThresholds = (
  { chosen, before }: Tuned,
  images: readonly TuneImage[],
  part: StoredThresholds['part'],
  { prompts, pointsPerSide }: Pick<GeneratorOptions, 'prompts' | 'pointsPerSide'>,
): StoredThresholds => ({
  ...scoreThresholdsOf(chosen.thresholds),
  part,
  images: images.length,
  instances: chosen.scores.instances,
  prompts: prompts === 'learned' ? prompts : 'grid',
  pointsPerSide,
  f1: { before: rounded(before.f1), after: rounded(chosen.f1) },
})

const rounded = (value: number) => Number(value.toFixed(4))
