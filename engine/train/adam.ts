/** @file Adam and AdamW on the GPU: global norm, clipping, the non-finite guard and the update, without a read-back. */
import shader from '../../shaders/adam.wgsl'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'
import { finiteCheck } from '../ops/finite'
import type { ParameterSet } from './parameters'

export interface OptimizerConfig {
  /** adam: weight decay is added to the gradient, as torch.optim.Adam has it. adamw: values shrink by rate · decay. */
  algorithm: 'adam' | 'adamw'
  betas: readonly [number, number]
  eps: number
  weightDecay: number
  /** The gradient's global norm is clipped to this; 0: no clipping. */
  maxNorm: number
}

export const defaultOptimizer: OptimizerConfig = {
  algorithm: 'adamw',
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maxNorm: 0,
}

export interface OptimizerStep {
  /** What the host writes before every run, made by `optimizerState`. */
  state: Tensor
  /** What the host reads when it likes, read by `optimizerReport`; writing zeros over it clears the counts and sums. */
  report: Tensor
}

/** What a run of the recorded step found. */
export interface OptimizerReport {
  /** Global norm of the scaled gradient, before clipping. */
  norm: number
  /** What the gradient was multiplied by, at most 1. */
  clip: number
  /** Elements of the last gradient that are NaN or infinite. */
  nonFinite: number
  /** Whether the last step changed nothing, because its gradient or the gradient's norm is not finite. */
  skipped: boolean
  /** Steps since the report was cleared, and how many of them were skipped. */
  steps: number
  skippedSteps: number
  /** Mean of each loss over the steps that were not skipped; NaN where there were none. */
  losses: number[]
}

/** Numbers of the report before the losses' sums. */
const HEAD = 6

/**
 * Records one step over all parameters: reads their gradients, changes values and moments. `losses` (any small number of
 * values) are added up in the report. Throws where a setting is out of range.
 */
export function recordOptimizerStep(
  g: Graph,
  parameters: ParameterSet,
  config: OptimizerConfig,
  losses: Tensor | null = null,
): OptimizerStep {
  checkOptimizer(config)
  const [beta1, beta2] = config.betas
  const count = losses?.size ?? 0
  const params = {
    count,
    decoupled: config.algorithm === 'adamw' ? 1 : 0,
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    eps: config.eps,
    decay: config.weightDecay,
    max_norm: config.maxNorm,
    rounds: 1,
  }
  const state = g.input('optimizer: state', [4])
  // it counts over many runs, so it is no intermediate
  const report = g.engine.persistent('optimizer', 'optimizer: report', [HEAD + Math.max(1, count)])
  const sums = finiteCheck(
    g,
    parameters.chunks.map(({ gradients }) => gradients),
  )
  g.dispatch(shader, 'decide', { state, sums, losses, report }, params, [1])
  for (const { gradients, values, m, v } of parameters.chunks) {
    const bindings = { state, decision: report, gradients, values, m, v }
    const { rounds, grid } = elementwiseGrid(g.engine, values.size)
    g.dispatch(shader, 'update', bindings, { ...params, count: values.size, rounds }, grid)
  }
  return { state, report }
}

/**
 * The state of step `step` (from 1): learning rate, bias corrections, and the factor of the gradient (one over the
 * micro-batches whose gradients were added up).
 */
export function optimizerState(
  { betas }: OptimizerConfig,
  step: number,
  learningRate: number,
  gradientScale = 1,
): Float32Array {
  if (!Number.isInteger(step) || step < 1) throw new Error(`step ${step}: the optimizer counts from 1`)
  if (!(learningRate >= 0) || !Number.isFinite(learningRate))
    throw new Error(`learning rate ${learningRate}: a number from 0`)
  return Float32Array.of(learningRate, 1 - betas[0] ** step, 1 - betas[1] ** step, gradientScale)
}

/** What the report's numbers mean; `losses`: how many were recorded. */
export function optimizerReport(values: Float32Array, losses = 0): OptimizerReport {
  const [norm, clip, nonFinite, skipped, steps, skippedSteps] = values
  const mean = (sum: number) => sum / (steps - skippedSteps)
  const sums = Array.from(values.subarray(HEAD, HEAD + losses))
  return { norm, clip, nonFinite, skipped: skipped !== 0, steps, skippedSteps, losses: sums.map(mean) }
}

/** Throws with the name of the first setting that is out of range. */
export function checkOptimizer({ algorithm, betas, eps, weightDecay, maxNorm }: OptimizerConfig): void {
  if (algorithm !== 'adam' && algorithm !== 'adamw')
    throw new Error(`optimizer "${String(algorithm)}": choose adam or adamw`)
  for (const beta of betas) if (!(beta >= 0 && beta < 1)) throw new Error(`betas ${betas.join(', ')}: from 0, below 1`)
  const numbers: [string, number, boolean][] = [
    ['eps', eps, eps > 0],
    ['weight decay', weightDecay, weightDecay >= 0],
    ['maximal gradient norm', maxNorm, maxNorm >= 0],
  ]
  for (const [name, value, fits] of numbers) {
    if (!fits || !Number.isFinite(value))
      throw new Error(`${name} ${value}: a number ${name === 'eps' ? 'above' : 'from'} 0`)
  }
}
