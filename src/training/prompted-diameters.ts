/** @file Which particle sizes a training shows: the diameters of what it prompts, after augmentation, at the model's input. */
import { resizeLongest } from '../../engine/image/model-input'
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { quantile } from '../../engine/quantile'
import { Rng } from '../../engine/rng'
import type { DiameterQuantiles } from '../../engine/scale/view'
import { samplePrompts } from '../../engine/train/sample-prompts'
import { sizeRange } from '../../engine/augment/auto-magnification'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import { boxes } from '../../engine/masks/instances'
import { evenlySpaced } from '../statistics/evenly-spaced'
import { inputSize } from '../../engine/finetune/recipe'
import type { TrainConfig } from './config'
import { variantOf } from '../../engine/finetune/examples'

/** Random views that are measured: with dozens of prompts in each the quantiles hardly change with more. */
const VIEWS = 64
/** Images that they are views of, at most: each must be read. */
const IMAGES = 32

/**
 * The quantiles of the equivalent diameters, in pixels of the model's input, of the instances that training prompts. They are
 * measured on random views of the training images, from random numbers of their own: a run that is resumed gets the same.
 * @param sizes see variantOf
 */
export async function promptedDiameters(
  items: readonly DatasetItem[],
  config: TrainConfig,
  sizes = sizeRange(items, inputSize(config)),
): Promise<DiameterQuantiles> {
  const chosen = evenlySpaced(items, Math.min(items.length, IMAGES))
  const { count, minArea } = config.prompts
  const size = inputSize(config)
  const rng = new Rng(config.seed, 0xd1a)
  const diameters: number[] = []
  for (const item of chosen) {
    const sample = await loadItem(item)
    for (let view = 0; view < Math.ceil(VIEWS / chosen.length); view++) {
      const { width, height, labels: data } = variantOf(sample, rng, config, sizes, false)
      const instances = boxes({ width, height, data })
      const { ids } = samplePrompts({ width, height, data }, instances, rng, { count, size, minArea })
      const prompted = new Set(ids)
      const valid = resizeLongest(width, height, size)
      const scale = (valid.width * valid.height) / (width * height)
      for (const { id, area } of instances) if (prompted.has(id)) diameters.push(equivalentDiameter(area * scale))
    }
  }
  diameters.sort((a, b) => a - b)
  const at = (q: number) => Number(quantile(diameters, q).toFixed(2))
  return [at(0.05), at(0.25), at(0.5), at(0.75), at(0.95)]
}
