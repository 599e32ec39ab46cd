/** @file Preparation of the examples of a run in this thread, from files; worker-pool.ts does it in worker threads. */
import type { SizeRange } from '../../engine/augment/auto-magnification'
import { InThread, type Preparation } from '../../engine/finetune/preparation'
import { inputSize } from '../../engine/finetune/recipe'
import type { DatasetItem } from '../dataset/dataset'
import { trainingScene } from '../../engine/synth/scene-sample'
import type { TrainConfig } from './config'
import { SampleCache } from './sample-cache'

/** Maximum bytes of decoded images kept in memory, in all threads together. */
export const CACHE_BYTES = 256 * 2 ** 20

/** @param sizes the usual particle sizes of the training images: see variantOf */
export function inThread(
  config: TrainConfig,
  sizes: SizeRange | null = null,
  bytes = CACHE_BYTES,
): Preparation<DatasetItem> {
  const cache = new SampleCache(bytes)
  return new InThread(config, sizes, async (item: DatasetItem | null, seed) =>
    item ? cache.get(item) : trainingScene(seed, inputSize(config)),
  )
}
