/** @file Records the mask decoder and its losses for prompts of a micro-batch: all of them, or one group after the other. */
import type { Graph } from '../graph/graph'
import { type StorageType, type Tensor, sizeOf } from '../device/tensor'
import { boundaryWeights } from '../ops/boundary-weights'
import type { Inspected } from '../ops/finite-guard'
import { iouLoss } from '../ops/iou-loss'
import { maskLossParts, maskStatistics, selectMasks, weightedMaskLoss } from '../ops/mask-loss'
import { add, addProduct } from '../ops/pointwise'
import { unpackUnitBytes } from '../ops/unit-bytes'
import type { SamModel } from '../sam/sam-model'
import type { LOSS_TERMS, PromptedBatch, StepConfig } from './micro-batch'

/** The tensors of a group of prompts that the host writes before each run, by the names of their data. */
export type PromptInputs = Record<
  Exclude<keyof PromptedBatch, 'weights' | 'headTargets'> | 'counts' | 'iouSupervision' | 'share',
  Tensor
> & { weights?: Tensor }

/** Records looking at a tensor: see FiniteGuard.inspect. */
export type Inspect = (x: Tensor, kind: Inspected['kind'], count: number, what: string) => void

/**
 * Prompts whose activations are in memory at once. In the decoder each prompt has its own copy of the image's cells, so that it
 * takes more memory than the encoder; groups of prompts are independent until their gradients meet in the embedding.
 */
const AT_ONCE: Record<StorageType, number> = { f32: 64, f16: 32 }

/** Groups of a micro-batch, at most: what is not finite is looked for in each, and named. */
const MAX_GROUPS = 64

/** The number of groups, of the same size, in which `prompts` prompts are decoded. */
export function promptGroups(
  prompts: number,
  { storage = 'f32', promptsAtOnce = AT_ONCE[storage] }: Pick<StepConfig, 'storage' | 'promptsAtOnce'>,
): number {
  const most = Math.min(prompts, MAX_GROUPS)
  const divisors = Array.from({ length: most }, (_, i) => i + 1).filter((groups) => prompts % groups === 0)
  return divisors.find((groups) => prompts / groups <= promptsAtOnce) ?? divisors.at(-1)!
}

/**
 * The part of a batch that belongs to group `i` of `groups`: views of its arrays, which have the same number of elements for each
 * prompt.
 */
export function groupOf(batch: PromptedBatch, i: number, groups: number): PromptedBatch {
  const part = <T extends Float32Array | Uint32Array | Int32Array | Uint8Array>(all: T): T => {
    const size = all.length / groups
    return all.subarray(i * size, (i + 1) * size) as T
  }
  const { coords, labels, imageIndex, targets, supervision, weights } = batch
  return {
    coords: part(coords),
    labels: part(labels),
    imageIndex: part(imageIndex),
    targets: part(targets),
    supervision: part(supervision),
    ...(weights && { weights: part(weights) }),
  }
}

interface PromptRecording {
  config: StepConfig
  /** The embedding of the micro-batch. */
  encoded: Tensor
  prompts: number
  /** Receives the loss and its terms, see recordMicroBatch. */
  loss: Tensor
  parts: Readonly<Record<(typeof LOSS_TERMS)[number], Tensor>>
  inspect: Inspect
}

/**
 * Records the decoder and the losses of a group of prompts. Returns what the host writes, and the mean loss, whose gradient is the
 * group's share of the step.
 */
export function recordPrompts(
  g: Graph,
  model: SamModel,
  { config, encoded, prompts, loss, parts, inspect }: PromptRecording,
): { inputs: PromptInputs; mean: Tensor } {
  const { slots } = config
  const bytes = config.inputs === 'bytes'
  const maskTargets = unitInput(g, 'targets', [prompts, model.maskSide ** 2], bytes)
  const t: PromptInputs = {
    coords: g.input('coords', [prompts, slots, 2]),
    labels: g.input('labels', [prompts, slots]),
    imageIndex: g.input('image index', [prompts]),
    targets: maskTargets.input,
    supervision: g.input('supervision', [prompts]),
    counts: g.input('token counts', [prompts]),
    iouSupervision: g.input('IoU supervision', [prompts]),
    share: g.input('share of the step', [1]),
  }
  if (!bytes) inspect(t.targets, 'input', prompts, 'the target mask of prompt')
  const { logits, iou } = model.decode(g, encoded, t)
  inspect(logits, 'activation', prompts, 'the mask logits of prompt')
  inspect(iou, 'activation', prompts, 'the predicted IoU of prompt')
  const { dice, bce, smooth = 1, boundary = 0 } = config.loss
  const targets = maskTargets.numbers
  const pixelWeights = boundary ? boundaryWeights(g, { targets, boundary }) : null
  const terms = { logits, targets, pixelWeights, dice, bce, smooth }
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
  const reported: Partial<Record<(typeof LOSS_TERMS)[number], Tensor>> = maskLossParts(g, { perMask, weights })
  if (config.loss.iou > 0) {
    // the mask generator ranks all masks by the IoU head, so the head also learns from masks that the mask loss leaves
    // out
    const every = select(t.iouSupervision)
    const head = iouLoss(g, { predicted: iou, perMask, weights: every, coefficient: config.loss.iou })
    mean = add(g, mean, head)
    reported.iou = head
  }
  // means of groups, each times its share of the step's weights, add up to the mean over the step
  addProduct(g, mean, t.share, { tensor: loss, accumulate: 1 })
  for (const [name, term] of Object.entries(reported))
    addProduct(g, term, t.share, { tensor: parts[name as keyof typeof reported], accumulate: 1 })
  return { inputs: t, mean }
}

/** An input of numbers of that shape, which the host writes as f32 or as `toUnitBytes`. */
export function unitInput(
  g: Graph,
  label: string,
  shape: number[],
  bytes: boolean,
): { input: Tensor; numbers: Tensor } {
  if (!bytes) {
    const input = g.input(label, shape)
    return { input, numbers: input }
  }
  const input = g.input(`${label}: bytes`, [sizeOf(shape) / 4])
  return { input, numbers: unpackUnitBytes(g, input, shape) }
}
