/**
 * @file One optimiser step: micro-batches of images with their prompts go forward and backward, their gradients add up,
 * then the optimiser updates the parameters. Everything is recorded once and replayed; nothing is read back inside.
 */
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import { type MemoryReport, memoryReport } from '../graph/memory-report'
import type { Tensor } from '../device/tensor'
import { maskSupervision } from '../ops/mask-loss'
import { fill } from '../ops/pointwise'
import { tokenCounts } from '../sam/predictor'
import type { SamModel } from '../sam/sam-model'
import { type OptimizerStep, optimizerReport, optimizerState, recordOptimizerStep } from './adam'
import type { ParameterSet } from './parameters'
import {
  type FeatureBatch,
  type MicroBatch,
  type MicroBatchInputs,
  type PromptedBatch,
  type StepConfig,
  recordMicroBatch,
} from './record-micro-batch'

export type { FeatureBatch, LossConfig, MicroBatch, PromptedBatch, StepConfig } from './record-micro-batch'

/** What the loss is the weighted sum of. */
export interface LossParts {
  dice: number
  bce: number
  /** Squared error of the IoU head; left out where its weight is 0. */
  iou?: number
}

export interface StepReport {
  /** Mean over the step's prompts, by their weights. */
  loss: number
  parts: LossParts
  /** Global norm of the gradient before clipping. */
  gradientNorm: number
  /** Gradient elements that were not finite: above 0 the update was skipped. */
  nonFinite: number
  skipped: boolean
}

/** Losses that a step adds up: the whole and its parts. */
const LOSSES = ['loss', 'dice', 'bce', 'iou'] as const
/** Elements from one to the next: each is bound by itself, and bindings begin at multiples of 256 bytes. */
const APART = 64

export class TrainingStep {
  /** Optimiser steps taken; set it when resuming. */
  step = 0

  private constructor(
    private readonly engine: Engine,
    readonly parameters: ParameterSet,
    readonly config: StepConfig,
    private readonly programs: { clear: Program; pass: Program; update: Program },
    private readonly optimizer: OptimizerStep,
    private readonly t: MicroBatchInputs,
    private readonly losses: Tensor,
    /** Dispatches and bytes of a micro-batch and of all that comes once a step. */
    readonly plan: MemoryReport,
  ) {}

  /**
   * Records the step. The adapter must be attached to `model`; `parameters` are what trains. `afterUpdate` records what
   * must follow every change of them.
   */
  static async create(
    model: SamModel,
    parameters: ParameterSet,
    config: StepConfig,
    afterUpdate?: (g: Graph) => void,
  ): Promise<TrainingStep> {
    const { engine } = model
    const losses = engine.persistent('optimizer', 'losses of the step', [(LOSSES.length - 1) * APART + 1])
    const [loss, ...parts] = LOSSES.map((_, i) => losses.slice(i * APART, i * APART + 1))

    const { g, inputs: t } = recordMicroBatch(model, config, loss, parts)
    const pass = await g.compile()

    const c = new Graph(engine)
    parameters.zeroGradients(c)
    fill(c, losses, 0)
    const clear = await c.compile()

    const u = new Graph(engine)
    const optimizer = recordOptimizerStep(u, parameters, config.optimizer, loss)
    afterUpdate?.(u)
    const update = await u.compile()
    const plan = memoryReport(engine, [clear, pass, update], g.segments)
    return new TrainingStep(engine, parameters, config, { clear, pass, update }, optimizer, t, losses, plan)
  }

  /** Submits one step; wait with `report`, at least every few steps. Throws where a micro-batch has the wrong sizes. */
  run(microBatches: readonly (MicroBatch | FeatureBatch)[], learningRate: number): void {
    const { t, programs, config } = this
    for (const { weights } of microBatches)
      if (!!weights !== !!t.weights)
        throw new Error(`this training step was not recorded for prompts ${weights ? 'with' : 'without'} weights`)
    const shares = microBatches.map(weightOf)
    const total = shares.reduce((a, b) => a + b, 0)
    if (!total) throw new Error('a training step needs at least one prompt')
    const state = optimizerState(config.optimizer, this.step + 1, learningRate)
    programs.clear.run()
    microBatches.forEach((batch, i) => {
      const { weights, ...inputs } = batch
      for (const [name, data] of Object.entries(inputs)) {
        const tensor = t[name as keyof MicroBatchInputs]
        if (!tensor) throw new Error(`this training step was not recorded for ${name}`)
        programs.pass.write(tensor, data)
      }
      programs.pass.write(t.counts, tokenCounts(batch.labels, config.slots))
      programs.pass.write(
        t.iouSupervision,
        batch.supervision.map((s) => (s ? maskSupervision.all : maskSupervision.nothing)),
      )
      programs.pass.write(t.share, Float32Array.of(shares[i] / total))
      if (weights) programs.pass.write(t.weights!, relativeWeights(batch, t.weights!.size))
      programs.pass.run()
    })
    programs.update.write(this.optimizer.state, state)
    programs.update.run()
    this.step++
  }

  /** Waits for the last step and gives what it found. Throws what the device reported. */
  async report(): Promise<StepReport> {
    const losses = await this.engine.read(this.losses)
    const [loss, dice, bce, iou] = LOSSES.map((_, i) => losses[i * APART])
    const weight = this.config.loss.iou
    const parts: LossParts = { dice, bce, ...(weight > 0 && { iou: iou / weight }) }
    const { norm, nonFinite, skipped } = optimizerReport(await this.engine.read(this.optimizer.report), 1)
    return { loss, parts, gradientNorm: norm, nonFinite, skipped }
  }

  /** Fills all intermediates with NaN, for tests: see Program. */
  poison(): void {
    for (const program of Object.values(this.programs)) program.poison()
  }

  /** Times every dispatch of a micro-batch and an update, on what the last run left: the parameters move once more. */
  async profile() {
    const { clear, pass, update } = this.programs
    return [...(await clear.profile()), ...(await pass.profile()), ...(await update.profile())]
  }

  destroy(): void {
    for (const program of Object.values(this.programs)) program.destroy()
    this.engine.release(this.losses)
    this.engine.release(this.optimizer.report)
  }
}

/** What a micro-batch's prompts count together. */
const weightOf = ({ supervision: flags, weights }: PromptedBatch): number =>
  flags.reduce((sum, flag, p) => sum + (flag ? (weights?.[p] ?? 1) : 0), 0)

/** (P, T): a prompt's weight by the mean of those that train, for each of its masks. */
function relativeWeights(batch: PromptedBatch, size: number): Float32Array {
  const { supervision: flags, weights } = batch
  const masks = size / flags.length
  const mean = weightOf(batch) / Math.max(1, flags.filter(Boolean).length)
  return Float32Array.from({ length: size }, (_, i) => (mean ? weights![Math.floor(i / masks)] / mean : 1))
}
