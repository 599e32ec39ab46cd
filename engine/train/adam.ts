/**
 * @file Adam and AdamW on the GPU: global norm, clipping, the check for non-finite gradients and the update, without a
 * read-back.
 */
import shader from '../../shaders/adam.wgsl'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'
import { type FirstFound, finiteCheck, firstFound } from '../ops/finite'
import type { ParameterSet } from './parameters'

/** Settings of Adam and AdamW. */
export interface OptimizerConfig {
  /**
   * adam: weight decay is added to the gradient, as in torch.optim.Adam. adamw: values shrink by learning rate · decay.
   */
  algorithm: 'adam' | 'adamw'
  /** Decay rates of the first and second moment, from 0 and below 1. */
  betas: readonly [number, number]
  eps: number
  weightDecay: number
  /** The gradient's global norm is clipped to this; 0 disables clipping. */
  maxNorm: number
  /**
   * Highest decay of the exponential moving average of the values, below 1; 0 for no average. The parameters must have
   * averages. 0 by default. See `averageDecay`.
   */
  average?: number
}

/** AdamW without weight decay and without clipping; `defaultRecipe` has the settings that `train` uses. */
export const defaultOptimizer: OptimizerConfig = {
  algorithm: 'adamw',
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maxNorm: 0,
}

export interface OptimizerStep {
  /** (5): written by the host before every run, see `optimizerState`. */
  state: Tensor
  /** Read by the host at any time, see `optimizerReport`; writing zeros to it clears the counts and sums. */
  report: Tensor
}

/** Statistics of the last run of the recorded step, and of all runs since they were cleared. */
export interface OptimizerReport {
  /** Global norm of the scaled gradient, before clipping. */
  norm: number
  /** The factor that clipped the gradient, at most 1. */
  clip: number
  /** The number of NaN or infinite values in the last step: parameters, inspected tensors, losses and gradients. */
  nonFinite: number
  /** The first of them; null if there is none. */
  first: FirstFound | null
  /** True if the last step changed nothing because there was such a value or the gradient's norm is not finite. */
  skipped: boolean
  /** Steps since the report was cleared. */
  steps: number
  /** How many of them were skipped. */
  skippedSteps: number
  /** Mean of each loss over the steps that were not skipped; NaN if all were. */
  losses: number[]
}

/** Elements of the report before the sums of the losses. */
const HEAD = 8

/**
 * Records one step over all parameters: it reads their gradients and changes their values and moments, unless something is not
 * finite.
 * @param losses any small number of values, summed in the report
 * @param inspected what was found in other tensors of the step, see `inspect`
 * @throws Error if a setting is out of range
 */
export function recordOptimizerStep(
  g: Graph,
  parameters: ParameterSet,
  config: OptimizerConfig,
  losses: Tensor | null = null,
  inspected: Tensor | null = null,
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
    rate_factor: 1,
  }
  const state = g.input('optimizer: state', [5])
  // persistent, because it counts over many runs
  const report = g.engine.persistent('optimizer', 'optimizer: report', [HEAD + Math.max(1, count)])
  const found = finiteCheck(g, parameters.chunks, inspected)
  g.dispatch(shader, 'decide', { state, found, losses, report }, params, [1])
  if (config.average && !parameters.averaged) throw new Error('the parameters were made without averages')
  for (const { gradients, values, m, v, averages, decays, rate } of parameters.chunks) {
    const bindings = { state, decision: report, gradients, values, m, v }
    const { rounds, grid } = elementwiseGrid(g.engine, values.size)
    const each = { ...params, decay: decays ? params.decay : 0, rate_factor: rate, count: values.size, rounds }
    g.dispatch(shader, 'update', bindings, each, grid)
    if (config.average)
      g.dispatch(shader, 'average', { state, decision: report, values, averages: averages! }, each, grid)
  }
  return { state, report }
}

/**
 * Records the exchange of the parameters' values with their averages.
 * @throws Error if they were made without averages
 */
export function recordExchange(g: Graph, { chunks }: ParameterSet): void {
  for (const { values, averages } of chunks) {
    if (!averages) throw new Error('the parameters were made without averages')
    const { rounds, grid } = elementwiseGrid(g.engine, values.size)
    g.dispatch(shader, 'exchange', { values, averages }, { ...noUpdate, count: values.size, rounds }, grid)
  }
}

/** Parameters of the kernel that its exchange does not use. */
const noUpdate = {
  decoupled: 0,
  beta1: 0,
  rest1: 0,
  beta2: 0,
  rest2: 0,
  eps: 0,
  decay: 0,
  max_norm: 0,
  rate_factor: 0,
}

/**
 * The decay of the moving average at a step, counted from 1. It grows with the steps, so that the average always covers
 * about the last ninth of them and the first values have no lasting weight, until it reaches `most`.
 */
export const averageDecay = (most: number, step: number): number => Math.min(most, (step - 1) / (step + 8))

/**
 * The state of step `step` (from 1): learning rate, the two bias corrections, the factor of the gradient (1 / the
 * number of micro-batches whose gradients were summed), and the weight of the new values in their average.
 * @throws Error if the step or the learning rate is out of range
 */
export function optimizerState(
  { betas, average = 0 }: OptimizerConfig,
  step: number,
  learningRate: number,
  gradientScale = 1,
): Float32Array {
  if (!Number.isInteger(step) || step < 1) throw new Error(`step ${step}: the optimizer counts from 1`)
  if (!(learningRate >= 0) || !Number.isFinite(learningRate))
    throw new Error(`learning rate ${learningRate}: a number from 0`)
  const corrections = [1 - betas[0] ** step, 1 - betas[1] ** step]
  return Float32Array.of(learningRate, ...corrections, gradientScale, 1 - averageDecay(average, step))
}

/** Decodes the report; `losses` is the number of losses that were recorded. */
export function optimizerReport(values: Float32Array, losses = 0): OptimizerReport {
  const [norm, clip, nonFinite, skipped, steps, skippedSteps] = values
  const [key, index] = new Uint32Array(values.buffer, values.byteOffset + 4 * (HEAD - 2), 2)
  const first = firstFound(key, index)
  const mean = (sum: number) => sum / (steps - skippedSteps)
  const sums = Array.from(values.subarray(HEAD, HEAD + losses))
  return { norm, clip, nonFinite, first, skipped: skipped !== 0, steps, skippedSteps, losses: sums.map(mean) }
}

/** @throws Error that names the first setting that is out of range */
function checkOptimizer({ algorithm, betas, eps, weightDecay, maxNorm, average = 0 }: OptimizerConfig): void {
  if (algorithm !== 'adam' && algorithm !== 'adamw')
    throw new Error(`optimizer "${String(algorithm)}": choose adam or adamw`)
  for (const beta of betas) if (!(beta >= 0 && beta < 1)) throw new Error(`betas ${betas.join(', ')}: from 0, below 1`)
  if (!(average >= 0 && average < 1)) throw new Error(`decay of the average ${average}: from 0, below 1`)
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
