/** @file What a watershed finds on the images on which an adapter's thresholds were tuned: it needs no training at all. */
import type { AdapterProfile } from '../weights/adapter-profile'
import type { DatasetItem } from '../dataset/dataset'
import { evaluate } from '../evaluation/evaluate'
import { summariseTallies } from '../evaluation/scores'
import { COMMANDS } from '../evaluation/adapter-warnings'
import { thresholdsOverWatershed } from '../evaluation/tuned-thresholds'
import { watershedSegmenter } from '../evaluation/watershed-segmenter'
import type { Log } from './session'

/**
 * Adds the watershed's F1 to thresholds that were tuned on these images, and says so where it finds more. Nothing is added to thresholds
 * of a grid: on a software adapter their search leaves out particles that no point meets.
 */
export async function withWatershed(
  { thresholds, ...others }: AdapterProfile,
  items: readonly DatasetItem[],
  log: Log,
): Promise<AdapterProfile> {
  if (thresholds?.prompts !== 'learned') return { thresholds, ...others }
  const tallied = await evaluate({ segmenter: watershedSegmenter(), items, prompts: ['auto'] })
  const { f1At50, f1At75 } = summariseTallies(tallied![0])
  const watershed = Number(((f1At50 + f1At75) / 2).toFixed(4))
  if (!Number.isFinite(watershed)) return { thresholds, ...others }
  const known = { ...thresholds, f1: { ...thresholds.f1, watershed } }
  const advice = thresholdsOverWatershed(known, COMMANDS.watershed)
  if (advice) log(`warning: ${advice}`)
  return { thresholds: known, ...others }
}
