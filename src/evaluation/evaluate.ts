/** @file Evaluates a model on labelled images: every instance is prompted, and its mask compared. See docs/metrics.md. */
import { label } from '../../engine/sam/prompt-labels'
import type { Predictor } from '../../engine/sam/predictor'
import { scaleBox, scalePoint, toModelInput } from '../../engine/sam/transforms'
import { Rng } from '../../engine/train/rng'
import { type DatasetItem, loadItem } from '../data/dataset'
import { type Instance, instances } from '../data/instances'
import type { Sample } from '../data/pixels'
import { MaskScaler, tokenLogits, tokenOf } from '../../engine/masks/from-logits'
import type { Mask } from '../../engine/masks/mask'
import {
  addConfusion,
  confusion,
  type Confusion,
  IGNORED,
  type InstanceScores,
  instanceScores,
  mean,
  noPixels,
  type SemanticScores,
  semanticScores,
} from './measures'

export const promptKinds = ['point', 'box'] as const
/** 'point': the pixel furthest inside the instance. 'box': its exact box. */
export type EvaluationPrompt = (typeof promptKinds)[number]

/** Entries a prompt of an evaluation: a point and its padding, or two corners. */
export const EVALUATION_SLOTS = 2

export interface EvaluateOptions {
  /** Made with `slots` of EVALUATION_SLOTS or more, for one image at a time. */
  predictor: Predictor
  items: readonly DatasetItem[]
  /** Each image is encoded once for all of them. */
  prompts: readonly EvaluationPrompt[]
  /** Most instances an image, drawn by the seed and the image's id; all by default. */
  maxInstances?: number | null
  seed?: number
  /** Smaller instances, in pixels of the image, are neither prompted nor counted. */
  minArea?: number
  onProgress?(done: number, total: number, item: DatasetItem): void
  /** Sees each image's masks; they are not kept. */
  onImage?(image: EvaluatedImage): void | Promise<void>
  /** Looked at between images: true ends the evaluation, whose result is then null. */
  stop?(): boolean
}

export interface EvaluatedImage {
  item: DatasetItem
  sample: Sample
  /** Those prompted. */
  instances: Instance[]
  results: { prompt: EvaluationPrompt; masks: Mask[]; union: Uint8Array; scores: ImageScores }[]
}

export interface ImageScores extends SemanticScores {
  id: string
  instanceDice: number
  instanceIou: number
  /** Those prompted. */
  instances: number
}

export interface Evaluation extends SemanticScores {
  prompt: EvaluationPrompt
  /** dice, miou and accuracy are means over images; here over all pixels together. */
  pooled: SemanticScores
  /** Means over all instances. */
  instanceDice: number
  instanceIou: number
  instances: number
  perImage: ImageScores[]
}

interface Scored {
  scores: ImageScores
  confusion: Confusion
  instances: InstanceScores[]
}

/**
 * Scores of a model under each kind of prompt, in the order of `prompts`; null where it was stopped. The same
 * predictor, items and seed give the same result. Images whose instances are all too small do not count.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation[] | null> {
  const { items, prompts, predictor, maxInstances, seed = 0, minArea = 16 } = options
  const scored = prompts.map(() => [] as Scored[])
  for (const [i, item] of items.entries()) {
    if (options.stop?.()) return null
    const sample = await loadItem(item)
    const chosen = choose(instances({ ...sample, data: sample.labels }), item.id, { maxInstances, seed, minArea })
    if (chosen.length) {
      const actual = foreground(sample, chosen)
      const { data, valid } = toModelInput(sample.rgb, sample.width, sample.height, predictor.model.inputSize)
      predictor.setImages(data, Uint32Array.of(valid.height, valid.width))
      const results: EvaluatedImage['results'] = []
      for (const [k, prompt] of prompts.entries()) {
        const masks = await predictMasks(predictor, sample, chosen, prompt)
        const union = unite(masks, sample.width, sample.height)
        const result = scoreImage(item.id, sample, chosen, masks, union, actual)
        scored[k].push(result)
        results.push({ prompt, masks, union, scores: result.scores })
      }
      await options.onImage?.({ item, sample, instances: chosen, results })
    }
    options.onProgress?.(i + 1, items.length, item)
  }
  return prompts.map((prompt, k) => summarise(prompt, scored[k]))
}

/** The instances to prompt, in the order of their labels. */
export function choose(
  all: readonly Instance[],
  id: string,
  { maxInstances, seed, minArea }: { maxInstances?: number | null; seed: number; minArea: number },
): Instance[] {
  const large = all.filter(({ area }) => area >= minArea)
  if (!maxInstances || large.length <= maxInstances) return large
  // by the id: what is drawn of one image does not depend on which others are there
  let stream = 0
  for (const character of id) stream = (Math.imul(stream, 31) + character.codePointAt(0)!) >>> 0
  const drawn = new Rng(seed, stream).shuffle([...large]).slice(0, maxInstances)
  return drawn.sort((a, b) => a.id - b.id)
}

/** 1 for the instances prompted, 0 for the background, IGNORED for the other instances. */
function foreground({ labels }: Sample, chosen: readonly Instance[]): Uint8Array {
  const kind = new Uint8Array(65536).fill(IGNORED)
  kind[0] = 0
  for (const { id } of chosen) kind[id] = 1
  return Uint8Array.from(labels, (id) => kind[id])
}

/** The mask of each instance, predicted from its prompt on the image that was set last. */
async function predictMasks(predictor: Predictor, sample: Sample, chosen: Instance[], prompt: EvaluationPrompt) {
  const { model, slots, prompts: chunk } = predictor
  const side = 4 * model.side
  const scaler = new MaskScaler(side, model.inputSize, sample)
  const masks: Mask[] = []
  for (let start = 0; start < chosen.length; start += chunk) {
    const part = chosen.slice(start, start + chunk)
    const coords = new Float32Array(part.length * slots * 2)
    const labels = new Int32Array(part.length * slots).fill(label.absent)
    part.forEach(({ point, x0, y0, x1, y1 }, i) => {
      const at = i * slots
      if (prompt === 'point') {
        coords.set(scalePoint(point, sample, model.inputSize), 2 * at)
        labels.set([label.foreground, label.padding], at)
      } else {
        coords.set(scaleBox([x0, y0, x1, y1], sample, model.inputSize), 2 * at)
        labels.set([label.boxStart, label.boxEnd], at)
      }
    })
    const prediction = await predictor.predict({ coords, labels })
    if (!prediction.iou.every(Number.isFinite))
      throw new Error('the model gives masks that are not finite numbers: its weights, adapter or driver are at fault')
    part.forEach((_, i) => {
      const token = tokenOf(prediction, i, prompt === 'point')
      masks.push(scaler.mask(tokenLogits(prediction, i, token)))
    })
  }
  return masks
}

/** The (height, width) map of what any of the masks covers. */
export function unite(masks: readonly Mask[], width: number, height: number): Uint8Array {
  const union = new Uint8Array(width * height)
  for (const mask of masks)
    for (let y = 0, from = 0; y < mask.height; y++) {
      const row = (mask.y0 + y) * width + mask.x0
      for (let x = 0; x < mask.width; x++, from++) if (mask.data[from]) union[row + x] = 1
    }
  return union
}

function scoreImage(
  id: string,
  sample: Sample,
  chosen: readonly Instance[],
  masks: readonly Mask[],
  union: Uint8Array,
  actual: Uint8Array,
): Scored {
  const perInstance = chosen.map((instance, i) => scoreMask(sample, instance, masks[i]))
  const pixels = confusion(union, actual)
  const scores = {
    id,
    ...semanticScores(pixels),
    instanceDice: mean(perInstance.map(({ dice }) => dice)),
    instanceIou: mean(perInstance.map(({ iou }) => iou)),
    instances: chosen.length,
  }
  return { scores, confusion: pixels, instances: perInstance }
}

/** A mask against the one instance that was asked for. */
export function scoreMask({ width, labels }: Sample, { id, area }: Instance, mask: Mask): InstanceScores {
  let predicted = 0
  let both = 0
  for (let y = 0, from = 0; y < mask.height; y++) {
    const row = (mask.y0 + y) * width + mask.x0
    for (let x = 0; x < mask.width; x++, from++) {
      if (!mask.data[from]) continue
      predicted++
      if (labels[row + x] === id) both++
    }
  }
  return instanceScores(both, predicted, area)
}

function summarise(prompt: EvaluationPrompt, scored: readonly Scored[]): Evaluation {
  const perImage = scored.map(({ scores }) => scores)
  const all = scored.flatMap(({ instances }) => instances)
  return {
    prompt,
    dice: mean(perImage.map(({ dice }) => dice)),
    miou: mean(perImage.map(({ miou }) => miou)),
    accuracy: mean(perImage.map(({ accuracy }) => accuracy)),
    pooled: semanticScores(scored.map((s) => s.confusion).reduce(addConfusion, noPixels)),
    instanceDice: mean(all.map(({ dice }) => dice)),
    instanceIou: mean(all.map(({ iou }) => iou)),
    instances: all.length,
    perImage,
  }
}
