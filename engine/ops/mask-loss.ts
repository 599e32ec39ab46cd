/**
 * @file The loss of predicted masks: dice and binary cross-entropy (BCE), with one weight for each mask. The statistics of
 * all masks are computed first, so that the weights can depend on them (best of three for an ambiguous prompt).
 */
import shader from '../../shaders/mask-loss.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { add } from './pointwise'

/** Pixels that a workgroup sums, and those whose gradients it computes, as in the shader. */
const [PART, SPAN] = [4096, 1024]
/** Number of sums that a workgroup computes. */
const VALUES = 6

/** The flag of a prompt: which of its masks `selectMasks` trains. */
export const maskSupervision = {
  /** None: the prompt only pads the batch. */
  nothing: 0,
  /** Mask 0, SAM's output for an unambiguous prompt. */
  single: 1,
  /** Mask 0, and the one with the lowest loss of the others, SAM's outputs for an ambiguous prompt such as a single point. */
  best: 2,
  all: 3,
} as const

export interface LossFactors {
  dice: number
  bce: number
}

interface Masks {
  /** (P, T, N): P prompts, T masks each, N pixels each. */
  logits: Tensor
  /** (P, N) in [0, 1]; soft targets are allowed. */
  targets: Tensor
  /** (P, N), of mean 1 for each mask: weights of the pixels in the cross-entropy, such as boundaryWeights. 1 by default. */
  pixelWeights?: Tensor | null
}

type Params = Record<'accumulate' | 'smooth_by' | 'dice_factor' | 'bce_factor', number>

function paramsOf(prompts: number, masks: number, pixels: number, more: Partial<Params>) {
  const parts = Math.ceil(pixels / PART)
  return { prompts, masks, pixels, parts, accumulate: 0, smooth_by: 0, dice_factor: 0, bce_factor: 0, ...more }
}

/** The binding and the constant of the pixels' weights. */
const pixelWeightsOf = ({ pixelWeights = null }: Masks) => ({
  binding: { pixel_weights: pixelWeights },
  constants: pixelWeights ? { weighted: 1 } : undefined,
})

function sizesOf({ logits, targets, pixelWeights }: Masks): [number, number, number] {
  const [prompts, masks, pixels] = logits.shape
  if (logits.shape.length !== 3) throw new Error(`mask loss: logits [${logits.shape}] are not (P, T, N)`)
  if (targets.size !== prompts * pixels)
    throw new Error(`mask loss: targets [${targets.shape}] do not fit logits [${logits.shape}]`)
  if (pixelWeights) checkSize(pixelWeights, prompts * pixels, 'pixel weights')
  return [prompts, masks, pixels]
}

const checkSize = (tensor: Tensor, size: number, what: string) => {
  if (tensor.size !== size) throw new Error(`mask loss: ${what} [${tensor.shape}] should have ${size} elements`)
}

/**
 * (P, T, 4), for each mask: dice loss 1 − (2Σpt + smooth) / U, mean BCE (weighted, if pixels have weights), IoU of logits > 0 with targets > 0.5 (1 if both are
 * empty), and U = Σp + Σt + smooth, which the gradient needs. Not differentiable: see weightedMaskLoss.
 * @throws Error if the shapes do not fit or `smooth` is not positive
 */
export function maskStatistics(g: Graph, inputs: Masks & { smooth?: number }): Tensor {
  const { logits, targets, smooth = 1 } = inputs
  const [prompts, masks, pixels] = sizesOf(inputs)
  if (!(smooth > 0)) throw new Error(`mask loss: smooth ${smooth} must be above 0, or empty masks divide by zero`)
  const params = paramsOf(prompts, masks, pixels, { smooth_by: smooth })
  const count = prompts * masks
  const parts = g.tensor('mask loss: partial sums', [count, params.parts, VALUES], 'statistic')
  const { binding, constants } = pixelWeightsOf(inputs)
  g.dispatch(shader, 'partials', { logits, targets, ...binding, out: parts }, params, [params.parts, count], constants)
  const perMask = g.tensor('mask loss: statistics', [prompts, masks, 4], 'statistic')
  g.dispatch(shader, 'statistics', { parts, statistics_out: perMask }, params, [count])
  return perMask
}

/**
 * Weights (P, T) from the statistics (P, T, 4) and the prompts' flags (P, u32; see `maskSupervision`): 1 / (number of prompts that
 * train) for each mask that trains, 0 for the others. The best mask is the one with the lowest dice · dice loss + bce · BCE.
 * Not differentiable.
 */
export function selectMasks(g: Graph, inputs: { perMask: Tensor; flags: Tensor } & LossFactors): Tensor {
  const { perMask, flags, dice, bce } = inputs
  const [prompts, masks] = perMask.shape
  checkSize(flags, prompts, 'flags')
  const weights = g.tensor('mask loss: weights', [prompts, masks], 'statistic')
  const params = paramsOf(prompts, masks, 1, { dice_factor: dice, bce_factor: bce })
  g.dispatch(shader, 'select_weights', { per_mask: perMask, flags, out: weights }, params, [1])
  return weights
}

/**
 * Loss (1): Σ weights · (dice · dice loss + bce · mean BCE) over all masks. A mask of weight 0 contributes nothing to loss or
 * gradient, even if its logits are NaN. `perMask` are the `maskStatistics` of the same inputs.
 * @throws Error if the shapes do not fit
 */
export function weightedMaskLoss(g: Graph, inputs: Masks & LossFactors & { perMask: Tensor; weights: Tensor }): Tensor {
  const { logits, targets, perMask, weights, dice, bce } = inputs
  const [prompts, masks, pixels] = sizesOf(inputs)
  const count = prompts * masks
  checkSize(weights, count, 'weights')
  checkSize(perMask, count * 4, 'statistics')
  const params = paramsOf(prompts, masks, pixels, { dice_factor: dice, bce_factor: bce })
  const loss = g.tensor('mask loss', [1])
  g.dispatch(shader, 'loss', { per_mask: perMask, weights, out: loss }, params, [1])
  g.record([logits], loss, (upstream) => {
    const target = g.gradientTarget(logits)
    if (!target) return
    const { tensor: out, accumulate } = target
    const { binding, constants } = pixelWeightsOf(inputs)
    const bindings = { logits, targets, per_mask: perMask, weights, upstream, ...binding, out }
    g.dispatch(shader, 'backward', bindings, { ...params, accumulate }, [Math.ceil(pixels / SPAN), count], constants)
  })
  return loss
}

/** The parts of the mask loss, (1) each: Σ weights · dice loss and Σ weights · mean BCE. For reporting only; not differentiable. */
export function maskLossParts(g: Graph, { perMask, weights }: { perMask: Tensor; weights: Tensor }) {
  const [prompts, masks] = perMask.shape
  checkSize(weights, prompts * masks, 'weights')
  const part = (name: string, factors: Partial<Params>) => {
    const out = g.tensor(`mask loss: ${name}`, [1])
    g.dispatch(shader, 'loss', { per_mask: perMask, weights, out }, paramsOf(prompts, masks, 1, factors), [1])
    return out
  }
  return { dice: part('dice', { dice_factor: 1 }), bce: part('cross-entropy', { bce_factor: 1 }) }
}

/** The sum of losses (1) each. */
export function addLosses(g: Graph, losses: readonly Tensor[]): Tensor {
  if (!losses.length) throw new Error('there is no loss to add')
  return losses.reduce((sum, loss) => add(g, sum, loss))
}
