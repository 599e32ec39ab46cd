/** @file Evaluates a segmenter on labelled images, by prompts or automatically, and tallies its masks. See docs/metrics.md. */
import type { Mask } from '../../engine/masks/mask'
import { paintMasks } from '../../engine/masks/mask-algebra'
import { ReadAhead } from '../../engine/read-ahead'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { sampleInstances } from '../../engine/finetune/sample-instances'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import { type Instance, instances } from '../../engine/masks/instances'
import type { Sample } from '../../engine/image/sample'
import { automaticMatches, type Matches, promptedMatches } from './matching'
import { type ImageTally, tallyImage } from './image-tally'
import type { PromptMode, Segmenter } from './segmenter'

/** What is evaluated, on which images, and by which prompts. */
export interface EvaluateOptions {
  segmenter: Segmenter
  items: readonly DatasetItem[]
  /** Reads an item's pixels, by default from its files. */
  load?(item: DatasetItem): Promise<Sample>
  /** Each image is encoded once for all prompts. */
  prompts: readonly PromptMode[]
  /** Maximum number of instances per image that are prompted, sampled by the seed and the image's id; all by default. */
  maxInstances?: number | null
  seed?: number
  /** Smaller instances, in pixels of the image, are neither prompted nor counted. */
  minArea?: number
  /** The distance up to which outlines agree, in pixels. */
  boundaryTolerance?: number
  onProgress?(done: number, total: number, item: DatasetItem): unknown
  /** Called with the masks of each image, which are not kept. */
  onImage?(image: EvaluatedImage): void | Promise<void>
  /** Checked between images: true ends the evaluation, whose result is then null. */
  stop?(): boolean
}

export interface ImageResult {
  prompt: PromptMode
  /** The instances that count: for 'point' and 'box' those prompted, for 'auto' all that are large enough. */
  instances: Instance[]
  masks: Mask[]
  matches: Matches
  union: Uint8Array
  tally: ImageTally
}

export interface EvaluatedImage {
  item: DatasetItem
  sample: Sample
  results: ImageResult[]
}

/** How long an image took, in seconds. */
export interface ImageSeconds {
  /** What is done once for all prompts on it; 0 for 'auto', which does its own encoding. */
  encode: number
  /** The masks of all instances, after that. */
  masks: number
}

/** The tallies of a model in one prompt mode. */
export interface TalliedMode {
  prompt: PromptMode
  /** In the order of the items; images whose instances are all too small are omitted. */
  images: ImageTally[]
  /** In the same order. */
  seconds: ImageSeconds[]
}

/**
 * Tallies a segmenter's masks in each prompt mode, in the order of `prompts`. Returns null if it was stopped. The same
 * segmenter, items and seed give the same result, apart from the times.
 * @example
 * const { items } = await openDataset('data')
 * const segmenter = await openModelSegmenter(model, { prompts: ['point', 'auto'] })
 * const tallies = await evaluate({ segmenter, items, prompts: ['point', 'auto'] })
 * for (const tally of tallies ?? []) console.log(tally.prompt, summariseTallies(tally))
 * segmenter.close()
 */
export async function evaluate(options: EvaluateOptions): Promise<TalliedMode[] | null> {
  const {
    items,
    load = loadItem,
    prompts,
    segmenter,
    maxInstances,
    seed = 0,
    minArea = MIN_INSTANCE_AREA,
    boundaryTolerance: tolerance,
  } = options
  const tallied = prompts.map((prompt): TalliedMode => ({ prompt, images: [], seconds: [] }))
  const samples = new ReadAhead(items.map((item) => () => load(item)))
  for (const [i, item] of items.entries()) {
    if (options.stop?.()) return null
    const sample = await samples.take(i)
    const next = () => samples.next && { sample: samples.next, item: items[i + 1] }
    const labels = { ...sample, data: sample.labels }
    const large = instances(labels).filter(({ area }) => area >= minArea)
    const chosen = sampleInstances(large, item.id, { maxInstances, seed })
    if (chosen.length) {
      const prompted = prompts.some((prompt) => prompt !== 'auto')
      const encode = prompted ? (await seconds(() => segmenter.encode(sample))).seconds : 0
      const results: ImageResult[] = []
      for (const [k, prompt] of prompts.entries()) {
        const auto = prompt === 'auto'
        const predicted = await seconds(() =>
          auto ? segmenter.automatic!(sample, item, next) : segmenter.prompted!(sample, chosen, prompt, item),
        )
        const { masks, scores, view, seconds: earlier } = predicted.result
        const matches = auto
          ? automaticMatches(labels, masks, scores, minArea)
          : promptedMatches(labels, chosen, masks, scores)
        const union = paintMasks(masks, sample)
        const counted = auto ? large : chosen
        const tally = tallyImage({ id: item.id, labels, instances: counted, masks, matches, union, tolerance })
        const sums: ImageTally = view ? { ...tally, view } : tally
        tallied[k].images.push(sums)
        tallied[k].seconds.push(earlier ?? { encode: auto ? 0 : encode, masks: predicted.seconds })
        results.push({ prompt, instances: counted, masks, matches, union, tally: sums })
      }
      await options.onImage?.({ item, sample, results })
    }
    await options.onProgress?.(i + 1, items.length, item)
  }
  return tallied
}

async function seconds<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const began = performance.now()
  const result = await work()
  return { result, seconds: (performance.now() - began) / 1000 }
}
