/** @file Masks of labelled images, prompted or found by themselves, and what they come to. See docs/metrics.md. */
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
/** How an image's masks come about; 'auto': all at once, without a hint. */
export type PromptMode = (typeof promptModes)[number]

/** Entries a prompt of an evaluation: a point and its padding, or two corners. */
export const EVALUATION_SLOTS = 2

/** Masks that somebody proposes for an image. */
export interface Proposed {
  masks: Mask[]
  /** How sure the model is of each; null where it does not say. */
  scores: (number | null)[]
}

export interface EvaluateOptions {
  /** Made with `slots` of EVALUATION_SLOTS or more, for one image at a time; needed for prompts. */
  predictor?: Predictor
  /** Finds masks by itself; needed for 'auto'. */
  propose?(sample: Sample): Promise<Proposed>
  items: readonly DatasetItem[]
  /** Each image is encoded once for all prompts. */
  prompts: readonly PromptMode[]
  /** Most instances an image that are prompted, drawn by the seed and the image's id; all by default. */
  maxInstances?: number | null
  seed?: number
  /** Smaller instances, in pixels of the image, are neither prompted nor counted. */
  minArea?: number
  /** How far outlines may be apart and still agree, pixels. */
  boundaryTolerance?: number
  onProgress?(done: number, total: number, item: DatasetItem): void
  /** Sees each image's masks; they are not kept. */
  onImage?(image: EvaluatedImage): void | Promise<void>
  /** Looked at between images: true ends the evaluation, whose result is then null. */
  stop?(): boolean
}

export interface ImageResult {
  prompt: PromptMode
  /** Those that count: of a prompt those prompted, else all that are large enough. */
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

export interface TalliedMode {
  prompt: PromptMode
  /** In the order of the items; images whose instances are all too small are left out. */
  images: ImageTally[]
}

/**
 * What a model's masks come to in each way, in the order of `prompts`; null where it was stopped. The same predictor, items
 * and seed give the same result.
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
    const chosen = choose(large, item.id, { maxInstances, seed })
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

/** The instances to prompt, in the order of their labels. */
export function choose(
  all: readonly Instance[],
  id: string,
  { maxInstances, seed }: { maxInstances?: number | null; seed: number },
): Instance[] {
  if (!maxInstances || all.length <= maxInstances) return [...all]
  // by the id: what is drawn of one image does not depend on which others are there
  let stream = 0
  for (const character of id) stream = (Math.imul(stream, 31) + character.codePointAt(0)!) >>> 0
  const drawn = new Rng(seed, stream).shuffle([...all]).slice(0, maxInstances)
  return drawn.sort((a, b) => a.id - b.id)
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
