/**
 * @file One optimiser step: forward and backward passes of micro-batches, whose gradients accumulate, then an update of
 * the parameters. Everything is recorded once and replayed; nothing is read back within a step.
 */
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { Mark, Program } from '../graph/program'
import { type MemoryReport, memoryReport } from '../graph/memory-report'
import type { Tensor } from '../device/tensor'
import { FiniteGuard } from '../ops/finite-guard'
import { maskSupervision } from '../ops/mask-loss'
import { fill } from '../ops/pointwise'
import { tokenCounts } from '../sam/prompt-batch'
import type { SamModel } from '../sam/sam-model'
import { type OptimizerStep, optimizerReport, optimizerState, recordOptimizerStep } from './adam'
import { type NonFiniteOrigin, nonFiniteOrigin } from './non-finite-origin'
import type { ParameterSet } from './parameters'
import { GradientExchange } from './gradient-exchange'
import { completedAfter } from './gradient-groups'
import type { StepPeers } from './step-peers'
import { type FeatureBatch, LOSS_TERMS, type MicroBatch, type PromptedBatch, type StepConfig } from './micro-batch'
import { type MicroBatchInputs, inspectedTensors, recordMicroBatch } from './record-micro-batch'
import { type PromptInputs, groupOf } from './record-prompts'

export type { FeatureBatch, LossConfig, MicroBatch, PromptedBatch, StepConfig } from './micro-batch'

/** The terms of the loss, before their weights. */
export interface LossParts {
  dice: number
  bce: number
  /** Squared error of the IoU head; absent if its weight is 0. */
  iou?: number
  /** Cross-entropy of the prompt head's maps; absent if its weight is 0. */
  head?: number
}

/** The numbers of a step. */
export interface StepReport {
  /** Weighted mean over the step's prompts. */
  loss: number
  parts: LossParts
  /** Global norm of the gradient before clipping. */
  gradientNorm: number
  /** The number of NaN or infinite values among what went into the step, what it computed, and its gradient. */
  nonFinite: number
  /** True if the update was skipped because there was such a value, or the gradient's norm is not finite. */
  skipped: boolean
  /** Where the first of them was; null if the update was not skipped. */
  origin: NonFiniteOrigin | null
}

/** What a process knows of a step of which it may compute only a part. */
interface WholeStep {
  /** The sum of the weights of all prompts that train. */
  weight: number
  microBatches: number
  /** The place of the first own micro-batch among all. */
  first: number
}

/** The losses that accumulate over a step: the whole and its terms. */
const LOSSES = ['loss', ...LOSS_TERMS] as const
/** Elements between two losses: each has its own binding, which must start at a multiple of 256 bytes. */
const LOSS_STRIDE = 64

/**
 * One step of Adam on micro-batches, recorded once and replayed. `train` is the loop around it.
 * @example
 * const loss = { dice: 1, bce: 1, iou: 0.05 }
 * const settings = { microBatch: 1, prompts: 8, slots: 2, loss, optimizer: defaultOptimizer }
 * const step = await TrainingStep.create(model, parameters, settings)
 * step.run([batch], 1e-4)
 * const report = await step.report()
 * step.destroy()
 */
export class TrainingStep {
  /** Optimiser steps taken; set it when resuming. */
  step = 0
  /** Adds gradients to those of other processes; null until the first step with others. */
  private exchange: Promise<GradientExchange> | null = null
  /** Seconds of exchanges with other processes that passed while the device was still computing. */
  hiddenExchange = 0
  /** Smallest number of bytes that are exchanged at once, by default as many as pay. It does not change the sums. */
  groupBytes: number | undefined

  private constructor(
    private readonly engine: Engine,
    readonly parameters: ParameterSet,
    readonly config: StepConfig,
    private readonly programs: { clear: Program; microBatch: Program; update: Program },
    private readonly optimizer: OptimizerStep,
    private readonly inputs: MicroBatchInputs,
    private readonly losses: Tensor,
    private readonly guard: FiniteGuard,
    /** See `completedAfter`. */
    private readonly completed: readonly number[],
    /** Dispatches and bytes of one micro-batch and of the work that is done once a step. */
    readonly plan: MemoryReport,
  ) {}

  /**
   * Records the step.
   * @param model with the adapter attached that trains (see AttachedAdapter)
   * @param parameters the adapter's
   * @param afterUpdate records what must follow every change of the parameters, e.g. `FullTuning.record`
   * @throws Error if a setting is out of range, frozen parts train, or a tensor exceeds the adapter's largest binding
   */
  static async create(
    model: SamModel,
    parameters: ParameterSet,
    config: StepConfig,
    afterUpdate?: (g: Graph) => void,
  ): Promise<TrainingStep> {
    const { engine } = model
    const losses = engine.persistent('optimizer', 'losses of the step', [(LOSSES.length - 1) * LOSS_STRIDE + 1])
    const [loss, dice, bce, iou, head] = LOSSES.map((_, i) => losses.slice(i * LOSS_STRIDE, i * LOSS_STRIDE + 1))
    const parts = { dice, bce, iou, head }

    const guard = new FiniteGuard(engine, inspectedTensors(config))
    const { g, inputs } = recordMicroBatch(model, config, loss, parts, guard)
    const completed = completedAfter(parameters, g.dispatches)
    const microBatch = await g.compile()

    const c = new Graph(engine)
    parameters.zeroGradients(c)
    fill(c, losses, 0)
    guard.clear(c)
    const clear = await c.compile()

    const u = new Graph(engine)
    const optimizer = recordOptimizerStep(u, parameters, config.optimizer, loss, guard.found)
    afterUpdate?.(u)
    const update = await u.compile()
    const plan = memoryReport(engine, [clear, microBatch, update], g.segments)
    const programs = { clear, microBatch, update }
    return new TrainingStep(engine, parameters, config, programs, optimizer, inputs, losses, guard, completed, plan)
  }

  /**
   * Submits one step. Call `report` right after it, and await that at least every few steps, so that the queue does not grow.
   * @throws Error if an array has the wrong length, no prompt trains, or the step was not recorded for such
   * micro-batches
   */
  run(microBatches: readonly (MicroBatch | FeatureBatch)[], learningRate: number): void {
    const weights = microBatches.map(weightOf)
    const whole = { weight: weights.reduce((a, b) => a + b, 0), microBatches: microBatches.length, first: 0 }
    this.submitGradients(microBatches, whole)
    this.submitUpdate(learningRate)
  }

  /**
   * As `run`, for a step of which other processes compute parts: losses and gradients are those of all micro-batches together, and
   * every process makes the same update. Resolves when it is submitted. The sums are added on the host, while the device computes gradients
   * of earlier layers (see GradientExchange); the update waits for them.
   * @throws as `run` · Error that the device reported · what `peers` throws
   */
  async runWith(
    peers: StepPeers,
    microBatches: readonly (MicroBatch | FeatureBatch)[],
    learningRate: number,
  ): Promise<void> {
    const weights = microBatches.map(weightOf)
    const own = weights.reduce((a, b) => a + b, 0)
    const all = await peers.agree([own, microBatches.length])
    const sum = (index: number, parts = all) => parts.reduce((total, numbers) => total + numbers[index], 0)
    const whole = { weight: sum(0), microBatches: sum(1), first: sum(1, all.slice(0, peers.rank)) }
    const exchange = await (this.exchange ??= this.openExchange(peers, all.length))
    exchange.begin()
    this.submitGradients(microBatches, whole, exchange.marks)
    await exchange.complete()
    this.hiddenExchange = exchange.hidden
    this.submitUpdate(learningRate)
  }

  private openExchange(peers: StepPeers, processes: number): Promise<GradientExchange> {
    const { engine, parameters, completed: after, losses, guard, groupBytes } = this
    return GradientExchange.open(engine, peers, processes, { parameters, after, losses, guard }, groupBytes)
  }

  /** @param marks of the last micro-batch's program */
  private submitGradients(
    microBatches: readonly (MicroBatch | FeatureBatch)[],
    whole: WholeStep,
    marks: readonly Mark[] = [],
  ): void {
    const { inputs: t, programs } = this
    for (const { weights, headTargets } of microBatches) {
      if (!!weights !== !!t.groups[0].weights)
        throw new Error(`this training step was not recorded for prompts ${weights ? 'with' : 'without'} weights`)
      if (!!headTargets !== !!t.headTargets)
        throw new Error(`this training step was recorded ${headTargets ? 'without' : 'with'} a prompt head`)
    }
    if (!whole.weight) throw new Error('a training step needs at least one prompt')
    programs.clear.run()
    microBatches.forEach((batch, i) => {
      this.writeWhole(batch)
      programs.microBatch.write(t.place, Uint32Array.of(whole.first + i))
      if (t.imageShare) programs.microBatch.write(t.imageShare, Float32Array.of(1 / whole.microBatches))
      t.groups.forEach((group, k) => this.writeGroup(group, groupOf(batch, k, t.groups.length), whole))
      programs.microBatch.run(i === microBatches.length - 1 ? marks : [])
    })
  }

  /** Writes what belongs to a micro-batch as a whole. */
  private writeWhole(batch: MicroBatch | FeatureBatch): void {
    const { inputs: t, programs } = this
    const { images, sizes, features, headTargets } = batch as Partial<MicroBatch & FeatureBatch>
    for (const [name, data] of Object.entries({ images, sizes, features, headTargets })) {
      if (!data) continue
      const tensor = t[name as 'images' | 'sizes' | 'features' | 'headTargets']
      if (!tensor) throw new Error(`this training step was not recorded for ${name}`)
      programs.microBatch.write(tensor, data)
    }
  }

  /** Writes a group of prompts. */
  private writeGroup(t: PromptInputs, group: PromptedBatch, whole: WholeStep): void {
    const { programs, config } = this
    const { weights, ...arrays } = group
    for (const [name, data] of Object.entries(arrays))
      programs.microBatch.write(t[name as Exclude<keyof PromptInputs, 'weights'>], data)
    const flags = group.supervision.map((s) => (s ? maskSupervision.all : maskSupervision.nothing))
    programs.microBatch.write(t.counts, tokenCounts(group.labels, config.slots))
    programs.microBatch.write(t.iouSupervision, flags)
    programs.microBatch.write(t.share, Float32Array.of(weightOf(group) / whole.weight))
    if (weights) programs.microBatch.write(t.weights!, relativeWeights(group, t.weights!.size))
  }

  private submitUpdate(learningRate: number): void {
    const state = optimizerState(this.config.optimizer, this.step + 1, learningRate)
    this.programs.update.write(this.optimizer.state, state)
    this.programs.update.run()
    this.step++
  }

  /**
   * The losses and the gradient norm of the step that was submitted last, even if others are submitted before it is finished.
   * @throws Error that the device reported
   */
  async report(): Promise<StepReport> {
    // both are copied at this point of the queue
    const [losses, optimizer] = await this.engine.readAll([this.losses, this.optimizer.report])
    const [loss, dice, bce, iou, head] = LOSSES.map((_, i) => losses[i * LOSS_STRIDE])
    const { iou: ofIou, head: ofHead = 0 } = this.config.loss
    const parts: LossParts = {
      dice,
      bce,
      ...(ofIou > 0 && { iou: iou / ofIou }),
      ...(ofHead > 0 && { head: head / ofHead }),
    }
    const report = optimizerReport(optimizer, 1)
    const { norm, nonFinite, skipped } = report
    const origin = nonFiniteOrigin(report, this.guard, this.parameters)
    return { loss, parts, gradientNorm: norm, nonFinite, skipped, origin }
  }

  /** Fills all intermediates with NaN, for tests: see Program.poison. */
  poison(): void {
    for (const program of Object.values(this.programs)) program.poison()
  }

  /**
   * Times every dispatch of a step of one micro-batch, with the data of the last run. This updates the parameters once
   * more.
   */
  async profile() {
    const { clear, microBatch, update } = this.programs
    return [...(await clear.profile()), ...(await microBatch.profile()), ...(await update.profile())]
  }

  /** Frees the step's GPU memory, not the parameters'. */
  destroy(): void {
    for (const program of Object.values(this.programs)) program.destroy()
    this.engine.release(this.losses)
    this.guard.release()
    this.engine.release(this.optimizer.report)
  }
}

/** The sum of the weights of a micro-batch's prompts that train. */
const weightOf = ({ supervision: flags, weights }: PromptedBatch): number =>
  flags.reduce((sum, flag, p) => sum + (flag ? (weights?.[p] ?? 1) : 0), 0)

/** (P, T): each prompt's weight divided by the mean weight of those that train, repeated for its T masks. */
function relativeWeights(batch: PromptedBatch, size: number): Float32Array {
  const { supervision: flags, weights } = batch
  const masks = size / flags.length
  const mean = weightOf(batch) / Math.max(1, flags.filter(Boolean).length)
  return Float32Array.from({ length: size }, (_, i) => (mean ? weights![Math.floor(i / masks)] / mean : 1))
}
