/** @file Predicts masks on labelled images, by prompts or automatically, and tallies them. See docs/metrics.md. */
import { MaskScaler } from '../../engine/masks/mask-scaler'
import { checkFinite, chooseToken, tokenLogits } from '../../engine/sam/mask-tokens'
import type { Mask } from '../../engine/masks/mask'
import { paintMasks } from '../../engine/masks/mask-algebra'
import { MASK_TOKENS } from '../../engine/sam/mask-decoder'
import { promptLabel } from '../../engine/sam/prompt-labels'
import type { Predictor } from '../../engine/sam/predictor'
import { scaleBox, scalePoint } from '../../engine/image/model-input'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { Rng } from '../../engine/rng'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import { type Instance, instances } from '../dataset/instances'
import type { Sample } from '../dataset/sample'
import { automaticMatches, type Matches, promptedMatches } from './matching'
import { type ImageTally, tallyImage } from './image-tally'

export const promptKinds = ['point', 'box'] as const
/** 'point': the pixel furthest inside the instance. 'box': its exact box. */
export type EvaluationPrompt = (typeof promptKinds)[number]

export const promptModes = [...promptKinds, 'auto'] as const
/** How masks are obtained: from a prompt for each instance, or ('auto') all at once without prompts from the labels. */
export type PromptMode = (typeof promptModes)[number]

/** Entries per prompt of an evaluation: a point and its padding, or two corners. */
export const EVALUATION_SLOTS = 2

/** Masks predicted for an image. */
export interface Proposed {
  masks: Mask[]
  /** The predicted IoU of each mask; null if the method has none. */
  scores: (number | null)[]
}

export interface EvaluateOptions {
  /** For one image at a time, with at least EVALUATION_SLOTS `slots`. Required for 'point' and 'box'. */
  predictor?: Predictor
  /** Finds the masks of an image without prompts from the labels. Required for 'auto'. */
  propose?(sample: Sample): Promise<Proposed>
  items: readonly DatasetItem[]
  /** Each image is encoded once for all prompts. */
  prompts: readonly PromptMode[]
  /** Maximum number of instances per image that are prompted, sampled by the seed and the image's id; all by default. */
  maxInstances?: number | null
  seed?: number
  /** Smaller instances, in pixels of the image, are neither prompted nor counted. */
  minArea?: number
  /** The distance up to which outlines agree, in pixels. */
  boundaryTolerance?: number
  onProgress?(done: number, total: number, item: DatasetItem): void
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

/** The tallies of a model in one prompt mode. */
export interface TalliedMode {
  prompt: PromptMode
  /** In the order of the items; images whose instances are all too small are omitted. */
  images: ImageTally[]
}

/**
 * Tallies a model's masks in each prompt mode, in the order of `prompts`. Returns null if it was stopped. The same predictor,
 * items and seed give the same result.
 */
export async function evaluate(options: EvaluateOptions): Promise<TalliedMode[] | null> {
  const {
    items,
    prompts,
    predictor,
    maxInstances,
    seed = 0,
    minArea = MIN_INSTANCE_AREA,
    boundaryTolerance: tolerance,
  } = options
  const tallied: TalliedMode[] = prompts.map((prompt) => ({ prompt, images: [] }))
  for (const [i, item] of items.entries()) {
    if (options.stop?.()) return null
    const sample = await loadItem(item)
    const labels = { ...sample, data: sample.labels }
    const large = instances(labels).filter(({ area }) => area >= minArea)
    const chosen = sampleInstances(large, item.id, { maxInstances, seed })
    if (chosen.length) {
      predictor?.setImage(sample)
      const results: ImageResult[] = []
      for (const [k, prompt] of prompts.entries()) {
        const auto = prompt === 'auto'
        const { masks, scores } = auto
          ? await options.propose!(sample)
          : await predictMasks(predictor!, sample, chosen, prompt)
        const matches = auto
          ? automaticMatches(labels, masks, scores, minArea)
          : promptedMatches(labels, chosen, masks, scores)
        const union = paintMasks(masks, sample)
        const counted = auto ? large : chosen
        const sums = tallyImage({ id: item.id, labels, instances: counted, masks, matches, union, tolerance })
        tallied[k].images.push(sums)
        results.push({ prompt, instances: counted, masks, matches, union, tally: sums })
      }
      await options.onImage?.({ item, sample, results })
    }
    options.onProgress?.(i + 1, items.length, item)
  }
  return tallied
}

/** Samples the instances to prompt. Returns them in the order of their labels. */
function sampleInstances(
  all: readonly Instance[],
  id: string,
  { maxInstances, seed }: { maxInstances?: number | null; seed: number },
): Instance[] {
  if (!maxInstances || all.length <= maxInstances) return [...all]
  // seeded by the id, so that the sample of an image does not depend on the other images
  let stream = 0
  for (const character of id) stream = (Math.imul(stream, 31) + character.codePointAt(0)!) >>> 0
  const sampled = new Rng(seed, stream).shuffle([...all]).slice(0, maxInstances)
  return sampled.sort((a, b) => a.id - b.id)
}

/** The mask of each instance, predicted from its prompt on the image that was set last. */
async function predictMasks(
  predictor: Predictor,
  sample: Sample,
  chosen: readonly Instance[],
  prompt: EvaluationPrompt,
): Promise<Proposed> {
  const { model, slots, prompts: chunk } = predictor
  const scaler = new MaskScaler(model.maskSide, model.inputSize, sample)
  const masks: Mask[] = []
  const scores: number[] = []
  for (let start = 0; start < chosen.length; start += chunk) {
    const part = chosen.slice(start, start + chunk)
    const coords = new Float32Array(part.length * slots * 2)
    const labels = new Int32Array(part.length * slots).fill(promptLabel.absent)
    part.forEach(({ point, x0, y0, x1, y1 }, i) => {
      const at = i * slots
      if (prompt === 'point') {
        coords.set(scalePoint(point, sample, model.inputSize), 2 * at)
        labels.set([promptLabel.foreground, promptLabel.padding], at)
      } else {
        coords.set(scaleBox([x0, y0, x1, y1], sample, model.inputSize), 2 * at)
        labels.set([promptLabel.boxStart, promptLabel.boxEnd], at)
      }
    })
    const prediction = await predictor.predict({ coords, labels })
    checkFinite(prediction)
    part.forEach((_, i) => {
      const token = chooseToken(prediction, i, prompt === 'point')
      masks.push(scaler.mask(tokenLogits(prediction, i, token)))
      scores.push(prediction.iou[MASK_TOKENS * i + token])
    })
  }
  return { masks, scores }
}
