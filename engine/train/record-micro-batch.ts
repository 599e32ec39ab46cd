/** @file Records the forward pass, the losses and the backward pass of a micro-batch in one graph. */
import { Graph } from '../graph/graph'
import type { StorageType, Tensor } from '../device/tensor'
import type { FiniteGuard } from '../ops/finite-guard'
import { type Emphasis, headLoss } from '../ops/head-loss'
import { addProduct, scale } from '../ops/pointwise'
import { byteImageShape } from '../ops/preprocess'
import type { SamModel } from '../sam/sam-model'
import { type Recomputation, recomputeNothing, recomputing } from '../sam/recomputation'
import type { OptimizerConfig } from './adam'
import { countFrozenParts } from './frozen-parts'
import { type Inspect, type PromptInputs, promptGroups, recordPrompts, unitInput } from './record-prompts'

/** The weights of the terms of the loss. */
export interface LossConfig {
  /** Weight of the Dice loss. */
  dice: number
  /** Weight of the mean binary cross-entropy. */
  bce: number
  /** Weight of the IoU head's squared error; its gradient also reaches the encoder. */
  iou: number
  /** Smoothing term of Dice, added to numerator and denominator, in pixels of the mask. 1 by default. */
  smooth?: number
  /** Extra weight of pixels on the target's outline in the cross-entropy, see boundaryWeights. 0, none, by default. */
  boundary?: number
  /**
   * Weight of the prompt head's cross-entropy; its gradient also reaches the encoder. Above 0 the model must have a prompt
   * head, and micro-batches have targets for it. 0 by default.
   */
  head?: number
}

/**
 * The centres of particles cover little of an image, so a cell at a centre weighs five times as much as one without. The
 * other maps are probabilities and fractions of which every cell is alike.
 */
const HEAD_EMPHASIS: Emphasis = [0, 4, 0]

/** What a training step is recorded for. */
export interface StepConfig {
  /** Images of a micro-batch, B; a step may have any number of micro-batches. */
  microBatch: number
  /** Prompts of an image, at most. A micro-batch has P = B·prompts of them. */
  prompts: number
  /** Entries of a prompt, N. */
  slots: number
  loss: LossConfig
  optimizer: OptimizerConfig
  /**
   * The number of the encoder's first parts that the step leaves out, because nothing in them trains (see
   * countFrozenParts): micro-batches then hold the features after these parts instead of images. 0 by default. If it is
   * all parts, the features are image embeddings.
   */
  frozen?: number
  /** True if micro-batches have weights for their prompts. */
  weighted?: boolean
  /**
   * How micro-batches hold images and targets: as f32, or as bytes, a quarter of what goes to the GPU. Pixels are bytes as they
   * are; targets are rounded to 1/254 (see toUnitBytes). The same numbers give the same bits. f32 by default.
   */
  inputs?: 'f32' | 'bytes'
  /** What the backward pass recomputes to save memory, with the same bits. Nothing by default. */
  recompute?: Recomputation
  /**
   * f16: activations kept for the backward pass are stored as f16; docs/training.md says what that costs. f32 by
   * default.
   */
  storage?: StorageType
  /**
   * Prompts of a micro-batch whose activations are in memory at once: more of them are decoded in groups, each with its backward
   * pass before the next. Gradients are the same up to rounding. 64 by default, with f16 storage 32.
   */
  promptsAtOnce?: number
}

/** How numbers that may be given as bytes are stored, see `StepConfig.inputs`. */
type Numbers = Float32Array | Uint8Array

/** The prompts of a micro-batch, and the masks that they should give. */
export interface PromptedBatch<N extends Numbers = Numbers> {
  /** (P, N, 2): x and y in input pixels. */
  coords: Float32Array
  /** (P, N), see `promptLabel`. */
  labels: Int32Array
  /** (P): index of each prompt's image within the micro-batch. */
  imageIndex: Uint32Array
  /** Target masks (P, maskSide²) in [0, 1], see `labelTargets`; with `inputs` bytes their `toUnitBytes`. */
  targets: N
  /** (P), see `maskSupervision`: the masks that each prompt trains. Prompts of value 0 only pad the micro-batch. */
  supervision: Uint32Array
  /** (P), above 0: the weight of each prompt's loss in the mean over the step. */
  weights?: Float32Array
  /** (B·maskSide², 3), see `promptHeadTargets`, or their bytes; given if and only if the step trains a prompt head. */
  headTargets?: N
}

/** A micro-batch of images. */
export interface MicroBatch<N extends Numbers = Numbers> extends PromptedBatch<N> {
  /** (B, S, S, 3) on 0..255, see `toModelInput`; with `inputs` bytes as bytes. */
  images: N
  /** (B, 2): the valid height and width of each image. */
  sizes: Uint32Array
}

/** A micro-batch of features, for a step without the first parts of the encoder. */
export interface FeatureBatch<N extends Numbers = Numbers> extends PromptedBatch<N> {
  /** (B·tokens, channels), see SamModel.featureShape. */
  features: Float32Array
}

/** The terms of the loss. The IoU head's and the prompt head's are recorded only if they have a weight. */
export const LOSS_TERMS = ['dice', 'bce', 'iou', 'head'] as const

/** The tensors that the host writes before each run, by the names of their data: those of prompts for each group of them. */
export interface MicroBatchInputs extends Partial<
  Record<'images' | 'sizes' | 'features' | 'headTargets' | 'imageShare', Tensor>
> {
  place: Tensor
  groups: PromptInputs[]
}

/** The number of tensors that a FiniteGuard of a micro-batch looks at, at most. */
export const inspectedTensors = (config: StepConfig): number =>
  // pixels or features, the encoder's output, targets and output of the prompt head; targets, logits and IoU of each group
  4 + 3 * promptGroups(config.microBatch * config.prompts, config)

/**
 * Records the forward and backward pass of a micro-batch. Every run adds the loss to `loss` (1) and its terms to
 * `parts` ((1) each; those of the IoU head and of the prompt head with their weights), and gradients to those of the
 * parameters; `guard` looks at what goes in and at what comes out.
 * @throws Error if something in the parts to leave out trains, or the prompt head is missing
 */
export function recordMicroBatch(
  model: SamModel,
  config: StepConfig,
  loss: Tensor,
  parts: Readonly<Record<(typeof LOSS_TERMS)[number], Tensor>>,
  guard: FiniteGuard,
): { g: Graph; inputs: MicroBatchInputs } {
  const { microBatch, recompute = recomputeNothing, storage, frozen = 0 } = config
  if (frozen && frozen > countFrozenParts(model))
    throw new Error(
      `the first ${frozen} parts of the encoder cannot be left out of the step, because something in them trains`,
    )
  const all = microBatch * config.prompts
  const g = new Graph(model.engine, true, { recompute: recomputing(recompute), storage })
  const bytes = config.inputs === 'bytes'
  const place = g.input('place of the micro-batch in the step', [1])
  const inspect: Inspect = (x, ...what) => guard.inspect(g, x, place, ...what)
  const { encoded, inputs } = frozen
    ? encodeRest(g, model, microBatch, frozen, inspect)
    : encode(g, model, microBatch, bytes, inspect)
  inspect(encoded, 'activation', microBatch, 'the output of the image encoder for image')
  const t: MicroBatchInputs = { ...inputs, place, groups: [] }
  const groups = promptGroups(all, config)
  const prompts = all / groups
  const recordGroup = (i: number) => {
    const inspect: Inspect = (x, ...what) => guard.inspect(g, x, place, ...what, { first: i * prompts, all })
    const group = recordPrompts(g, model, { config, encoded, prompts, loss, parts, inspect })
    t.groups.push(group.inputs)
    return [group.mean, group.inputs.share] as const
  }
  const last = groups - 1
  for (let i = 0; i < last; i++) g.withBackward(() => recordGroup(i))
  const [mean, share] = recordGroup(last)
  if (config.loss.head)
    recordHead(g, model, {
      encoded,
      images: microBatch,
      weight: config.loss.head,
      bytes,
      t,
      loss,
      part: parts.head,
      inspect,
    })
  g.backward(mean, share)
  return { g, inputs: t }
}

interface HeadRecording {
  encoded: Tensor
  images: number
  weight: number
  bytes: boolean
  t: MicroBatchInputs
  loss: Tensor
  part: Tensor
  inspect: Inspect
}

/**
 * Records the prompt head and its loss, whose gradient joins the backward pass that follows. Its share of the step is that of
 * the images, not of the prompts, because it looks at whole images.
 */
function recordHead(
  g: Graph,
  model: SamModel,
  { encoded, images, weight, bytes, t, loss, part, inspect }: HeadRecording,
): void {
  if (!model.promptHead) throw new Error('the model has no prompt head to train')
  const { input, numbers: targets } = unitInput(
    g,
    'targets of the prompt head',
    [images * model.maskSide ** 2, 3],
    bytes,
  )
  t.headTargets = input
  t.imageShare = g.input('share of the images', [1])
  if (!bytes) inspect(t.headTargets, 'input', images, 'targets of the prompt head for image')
  const logits = model.promptHead.record(g, encoded, model.side)
  inspect(logits, 'activation', images, 'the output of the prompt head for image')
  const own = scale(g, headLoss(g, { logits, targets, images, emphasis: HEAD_EMPHASIS }), weight)
  for (const tensor of [loss, part]) addProduct(g, own, t.imageShare, { tensor, accumulate: 1 })
  g.seed([[own, t.imageShare]])
}

/** The whole encoder, from images. */
function encode(g: Graph, model: SamModel, images: number, bytes: boolean, inspect: Inspect) {
  const { inputSize: size } = model
  const shape = bytes ? byteImageShape(images, size) : [images, size, size, 3]
  const inputs = { images: g.input('images', shape), sizes: g.input('valid sizes', [images, 2]) }
  // bytes are always finite
  if (!bytes) inspect(inputs.images, 'input', images, 'pixels of image')
  return { inputs, encoded: model.encode(g, inputs.images, inputs.sizes) }
}

/** The encoder without its first `frozen` parts, from features. */
function encodeRest(g: Graph, model: SamModel, images: number, frozen: number, inspect: Inspect) {
  const features = g.input('features', model.featureShape(frozen, images))
  inspect(features, 'input', images, 'features of image')
  return { inputs: { features }, encoded: model.encodeFrom(g, features, frozen) }
}
