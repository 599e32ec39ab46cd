/** @file Records what a micro-batch goes through: forward, losses, backward; all of it is one graph. */
import { Graph } from '../graph/graph'
import type { StorageType, Tensor } from '../device/tensor'
import { iouLoss } from '../ops/iou-loss'
import { maskLossParts, maskStatistics, selectMasks, weightedMaskLoss } from '../ops/mask-loss'
import { add, addProduct } from '../ops/pointwise'
import type { SamModel } from '../sam/sam-model'
import { type Recomputation, recomputeNothing, recomputing } from '../sam/recomputation'
import type { OptimizerConfig } from './adam'
import { countFrozenParts } from './frozen-parts'

export interface LossConfig {
  dice: number
  bce: number
  /** Weight of the IoU head's squared error; its gradient also reaches the encoder. */
  iou: number
  /** What Dice adds above and below its fraction, in pixels of the mask: 1 by itself. */
  smooth?: number
}

export interface StepConfig {
  /** Images a micro-batch; a step may have any number of micro-batches. */
  microBatch: number
  /** Prompts an image, at most, and entries a prompt. */
  prompts: number
  slots: number
  loss: LossConfig
  optimizer: OptimizerConfig
  /**
   * Parts of the encoder, the first so many, that the step leaves out: nothing of them trains, and micro-batches bring the
   * features after them in the place of images. None by default; where it is all parts, the features are embeddings.
   */
  frozen?: number
  /** Micro-batches bring weights of their prompts. */
  weighted?: boolean
  /** What the backward pass computes again, to save memory; the bits are the same. Nothing by default. */
  recompute?: Recomputation
  /** f16: what waits for the backward pass waits as halves; docs/training.md says what that costs. f32 by default. */
  storage?: StorageType
}

/** Prompts of a micro-batch, and what they ask for. */
export interface PromptedBatch {
  /** (P, N, 2), (P, N): P = microBatch·prompts; see sam/prompt-labels. */
  coords: Float32Array
  labels: Int32Array
  /** (P): image within the micro-batch. */
  imageIndex: Uint32Array
  /** (P, maskSide²) in [0, 1], see SamModel. */
  targets: Float32Array
  /** (P), see `maskSupervision` in ops/mask-loss: which mask tokens the prompt trains; 0 only fills the micro-batch up. */
  supervision: Uint32Array
  /** (P), above 0: how much each prompt counts against the step's others. */
  weights?: Float32Array
}

export interface MicroBatch extends PromptedBatch {
  /** (B, S, S, 3) raw values on 0..255, and (B, 2) valid height and width. */
  images: Float32Array
  sizes: Uint32Array
}

export interface FeatureBatch extends PromptedBatch {
  /** (B·tokens, channels), see SamModel.featureShape. */
  features: Float32Array
}

export type MicroBatchInputs = Record<
  Exclude<keyof PromptedBatch, 'weights'> | 'counts' | 'iouSupervision' | 'share',
  Tensor
> &
  Partial<Record<'images' | 'sizes' | 'features' | 'weights', Tensor>>

/**
 * Records a micro-batch's pass and gives the graph with what the host writes before every run. What the loss and its parts
 * (Dice, cross-entropy, and the IoU head's where it has a weight) are is added to `loss` and `parts`, one value each.
 */
export function recordMicroBatch(
  model: SamModel,
  config: StepConfig,
  loss: Tensor,
  parts: readonly Tensor[],
): { g: Graph; inputs: MicroBatchInputs } {
  const { microBatch, slots, recompute = recomputeNothing, storage, frozen = 0 } = config
  if (frozen && frozen > countFrozenParts(model))
    throw new Error(
      `the first ${frozen} parts of the encoder were to be left out of the step, but something of them trains`,
    )
  const prompts = microBatch * config.prompts
  const g = new Graph(model.engine, true, { recompute: recomputing(recompute), storage })
  const { encoded, inputs } = frozen ? encodeRest(g, model, microBatch, frozen) : encode(g, model, microBatch)
  const t: MicroBatchInputs = {
    ...inputs,
    coords: g.input('coords', [prompts, slots, 2]),
    labels: g.input('labels', [prompts, slots]),
    imageIndex: g.input('image index', [prompts]),
    targets: g.input('targets', [prompts, model.maskSide ** 2]),
    supervision: g.input('supervision', [prompts]),
    counts: g.input('token counts', [prompts]),
    iouSupervision: g.input('IoU supervision', [prompts]),
    share: g.input('share of the step', [1]),
  }
  const { logits, iou } = model.decode(g, encoded, t)
  const { dice, bce, smooth = 1 } = config.loss
  const terms = { logits, targets: t.targets, dice, bce, smooth }
  const perMask = maskStatistics(g, terms)
  if (config.weighted) t.weights = g.input('prompt weights', perMask.shape.slice(0, 2))
  const select = (flags: Tensor) => {
    const chosen = selectMasks(g, { perMask, flags, dice, bce })
    if (!t.weights) return chosen
    const weighted = g.tensor('weights of masks and prompts', chosen.shape)
    addProduct(g, chosen, t.weights, { tensor: weighted, accumulate: 0 })
    return weighted
  }
  const weights = select(t.supervision)
  let mean = weightedMaskLoss(g, { ...terms, perMask, weights })
  const seen = Object.values(maskLossParts(g, { perMask, weights }))
  if (config.loss.iou > 0) {
    // the generator ranks all masks by the IoU head, so it learns from those that the mask loss leaves out as well
    const every = select(t.iouSupervision)
    const head = iouLoss(g, { predicted: iou, perMask, weights: every, coefficient: config.loss.iou })
    mean = add(g, mean, head)
    seen.push(head)
  }
  // the mean over a micro-batch's prompts times its share of the step's weights adds up to the mean over the step
  addProduct(g, mean, t.share, { tensor: loss, accumulate: 1 })
  seen.forEach((part, i) => addProduct(g, part, t.share, { tensor: parts[i], accumulate: 1 }))
  g.backward(mean, t.share)
  return { g, inputs: t }
}

function encode(g: Graph, model: SamModel, images: number) {
  const { inputSize: size } = model
  const inputs = { images: g.input('images', [images, size, size, 3]), sizes: g.input('valid sizes', [images, 2]) }
  return { inputs, encoded: model.encode(g, inputs.images, inputs.sizes) }
}

function encodeRest(g: Graph, model: SamModel, images: number, frozen: number) {
  const features = g.input('features', model.featureShape(frozen, images))
  return { inputs: { features }, encoded: model.encodeFrom(g, features, frozen) }
}
