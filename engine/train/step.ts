/**
 * @file One optimiser step: micro-batches of images with their prompts go forward and backward, their gradients add up,
 * then the optimiser updates the parameters. Everything is recorded once and replayed; nothing is read back inside.
 */
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import { type Report, reportOf } from '../graph/report'
import type { Tensor } from '../graph/tensor'
import { iouLoss } from '../ops/iou-loss'
import { maskLossParts, maskStatistics, selectMasks, supervise, weightedMaskLoss } from '../ops/mask-loss'
import { add, addProduct, fill } from '../ops/pointwise'
import { tokenCounts } from '../sam/predictor'
import type { SamModel } from '../sam/sam'
import { type OptimizerConfig, type OptimizerStep, optimizerReport, optimizerState, recordOptimizerStep } from './adam'
import type { ParameterSet } from './parameters'

export interface LossConfig {
  dice: number
  bce: number
  /** Weight of the IoU head's squared error; its gradient also reaches the encoder. */
  iou: number
}

export interface StepConfig {
  /** Images a micro-batch; a step may have any number of micro-batches. */
  microBatch: number
  /** Prompts an image, at most, and entries a prompt. */
  prompts: number
  slots: number
  loss: LossConfig
  optimizer: OptimizerConfig
  /** Micro-batches bring embeddings in the place of images: where nothing in the encoder trains, they never change. */
  embedded?: boolean
}

/** Prompts of a micro-batch, and what they ask for. */
export interface PromptedBatch {
  /** (P, N, 2), (P, N): P = microBatch·prompts; see sam/prompt-labels. */
  coords: Float32Array
  labels: Int32Array
  /** (P): image within the micro-batch. */
  imageIndex: Uint32Array
  /** (P, (4·side)²) in [0, 1]. */
  targets: Float32Array
  /** (P), see `supervise` in ops/mask-loss: which mask tokens the prompt trains; 0 only fills the micro-batch up. */
  supervise: Uint32Array
}

export interface MicroBatch extends PromptedBatch {
  /** (B, S, S, 3) raw values on 0..255, and (B, 2) valid height and width. */
  images: Float32Array
  sizes: Uint32Array
}

export interface EmbeddedBatch extends PromptedBatch {
  /** (B·side², D). */
  embedding: Float32Array
}

/** What the loss is the weighted sum of. */
export interface LossParts {
  dice: number
  bce: number
  /** Squared error of the IoU head; left out where its weight is 0. */
  iou?: number
}

export interface StepReport {
  /** Mean over the step's prompts. */
  loss: number
  parts: LossParts
  /** Global norm of the gradient before clipping. */
  gradientNorm: number
  /** Gradient elements that were not finite: above 0 the update was skipped. */
  nonFinite: number
  skipped: boolean
}

type Inputs = Record<keyof PromptedBatch | 'counts' | 'calibrate' | 'share', Tensor> &
  Partial<Record<'images' | 'sizes' | 'embedding', Tensor>>

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
    private readonly t: Inputs,
    private readonly losses: Tensor,
    /** Dispatches and bytes of a micro-batch and an update. */
    readonly plan: Report,
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
    const { engine, side } = model
    const { microBatch, slots } = config
    const prompts = microBatch * config.prompts
    const losses = engine.persistent('optimizer', 'losses of the step', [(LOSSES.length - 1) * APART + 1])
    const [loss, ...parts] = LOSSES.map((_, i) => losses.slice(i * APART, i * APART + 1))

    const g = new Graph(engine, true)
    const { encoded, inputs } = config.embedded ? givenEmbedding(g, model, microBatch) : encode(g, model, microBatch)
    const t: Inputs = {
      ...inputs,
      coords: g.input('coords', [prompts, slots, 2]),
      labels: g.input('labels', [prompts, slots]),
      imageIndex: g.input('image index', [prompts]),
      targets: g.input('targets', [prompts, (4 * side) ** 2]),
      supervise: g.input('supervision', [prompts]),
      counts: g.input('token counts', [prompts]),
      calibrate: g.input('IoU supervision', [prompts]),
      share: g.input('share of the step', [1]),
    }
    const { logits, iou } = model.decode(g, encoded, t)
    const { dice, bce } = config.loss
    const terms = { logits, targets: t.targets, dice, bce, smooth: 1 }
    const perMask = maskStatistics(g, terms)
    const factors = { dice, bce }
    const weights = selectMasks(g, { perMask, flags: t.supervise, ...factors })
    let mean = weightedMaskLoss(g, { ...terms, perMask, weights })
    const seen = Object.values(maskLossParts(g, { perMask, weights }))
    if (config.loss.iou > 0) {
      // the generator ranks all masks by the IoU head, so it learns from those that the mask loss leaves out as well
      const every = selectMasks(g, { perMask, flags: t.calibrate, ...factors })
      const head = iouLoss(g, { predicted: iou, perMask, weights: every, coefficient: config.loss.iou })
      mean = add(g, mean, head)
      seen.push(head)
    }
    // the mean over a micro-batch's prompts times its share of the step's prompts adds up to the mean over the step
    addProduct(g, mean, t.share, { tensor: loss, accumulate: 1 })
    seen.forEach((part, i) => addProduct(g, part, t.share, { tensor: parts[i], accumulate: 1 }))
    g.backward(mean, t.share)
    const pass = await g.compile()

    const c = new Graph(engine)
    parameters.zeroGradients(c)
    fill(c, losses, 0)
    const clear = await c.compile()

    const u = new Graph(engine)
    const optimizer = recordOptimizerStep(u, parameters, config.optimizer, loss)
    afterUpdate?.(u)
    const update = await u.compile()
    const plan = reportOf(engine, [pass, update])
    return new TrainingStep(engine, parameters, config, { clear, pass, update }, optimizer, t, losses, plan)
  }

  /** Submits one step; wait with `report`, at least every few steps. Throws where a micro-batch has the wrong sizes. */
  run(microBatches: readonly (MicroBatch | EmbeddedBatch)[], learningRate: number): void {
    const { t, programs, config } = this
    const live = microBatches.map(({ supervise: flags }) => flags.reduce((n, s) => n + (s ? 1 : 0), 0))
    const total = live.reduce((a, b) => a + b, 0)
    if (!total) throw new Error('a training step needs at least one prompt')
    const state = optimizerState(config.optimizer, this.step + 1, learningRate)
    programs.clear.run()
    microBatches.forEach((batch, i) => {
      for (const [name, data] of Object.entries(batch)) {
        const tensor = t[name as keyof Inputs]
        if (!tensor) throw new Error(`this training step was not recorded for ${name}`)
        programs.pass.write(tensor, data)
      }
      programs.pass.write(t.counts, tokenCounts(batch.labels, config.slots))
      programs.pass.write(
        t.calibrate,
        batch.supervise.map((s) => (s ? supervise.all : supervise.nothing)),
      )
      programs.pass.write(t.share, Float32Array.of(live[i] / total))
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

  destroy(): void {
    for (const program of Object.values(this.programs)) program.destroy()
    this.engine.release(this.losses)
    this.engine.release(this.optimizer.report)
  }
}

function encode(g: Graph, model: SamModel, images: number) {
  const { inputSize: size } = model
  const inputs = { images: g.input('images', [images, size, size, 3]), sizes: g.input('valid sizes', [images, 2]) }
  return { inputs, encoded: model.encode(g, inputs.images, inputs.sizes) }
}

function givenEmbedding(g: Graph, { side, architecture }: SamModel, images: number) {
  const embedding = g.input('embeddings', [images * side * side, architecture.decoder.dim])
  return { inputs: { embedding }, encoded: embedding }
}
