/** @file Which particle sizes a training shows: the diameters of what it prompts, after augmentation, at the model's input. */
import type { MeasuredImage, SizeRange } from '../augment/auto-magnification'
import { evenlySpaced } from '../evenly-spaced'
import { resizeLongest } from '../image/model-input'
import type { Sample } from '../image/sample'
import { equivalentDiameter } from '../masks/equivalent-diameter'
import { boxes } from '../masks/instances'
import { quantile } from '../quantile'
import { Rng } from '../rng'
import type { DiameterQuantiles } from '../scale/view'
import { samplePrompts } from '../train/sample-prompts'
import { variantOf } from './examples'
import { type ExampleRecipe, inputSize } from './recipe'

/** Random views that are measured: with dozens of prompts in each the quantiles hardly change with more. */
const VIEWS = 64
/** Images that they are views of, at most: each must be read. */
const IMAGES = 32

/**
 * The quantiles of the equivalent diameters, in pixels of the model's input, of the instances that training prompts. They are
 * measured on random views of the training images, from a separate series of random numbers: a run that is resumed gets the same.
 * @param sizes see variantOf
 */
export async function promptedDiameters<Item extends MeasuredImage>(
  items: readonly Item[],
  config: ExampleRecipe & { seed: number },
  load: (item: Item) => Promise<Sample>,
  sizes: SizeRange | null,
): Promise<DiameterQuantiles> {
  const chosen = evenlySpaced(items, Math.min(items.length, IMAGES))
  const { count, minArea } = config.prompts
  const size = inputSize(config)
  const rng = new Rng(config.seed, 0xd1a)
  const diameters: number[] = []
  for (const item of chosen) {
    const sample = await load(item)
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
