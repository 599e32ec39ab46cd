/**
 * @file Chooses, before anything is put on the GPU, how a run's steps are done: how many images at once, and what the
 * backward pass computes again, so that all of it fits a budget of bytes. The run is recorded on a device that holds no
 * memory, so that the plan is the run's own to the byte.
 */
import type { Engine } from '../../engine/device/engine'
import { planningEngine } from '../../engine/device/planning-device'
import type { MemoryReport } from '../../engine/graph/memory-report'
import { Predictor } from '../../engine/sam/predictor'
import { SamModel } from '../../engine/sam/sam-model'
import { type Recomputation, recomputeNothing } from '../../engine/sam/recomputation'
import { type StepConfig, TrainingStep } from '../../engine/train/training-step'
import { UserError } from '../host/errors'
import { amount } from '../host/progress'
import type { ModelShapes } from '../weights/weight-shapes'
import { type Adaptation, openAdaptation } from './adaptation'
import type { TrainConfig } from './config'
import { slotsOf } from './examples'
import { FeatureCache, FrozenEncoder } from './feature-cache'
import { parseBytes } from '../text/byte-size'
import { validationPredictor } from './validate'

export interface RunPlan {
  /** Images at once on the GPU. */
  microBatch: number
  recompute: Recomputation
  /** Of the model, what trains, and the step. */
  step: MemoryReport
  /** Bytes besides the step: of validations, and of encoding images up to the features that are kept. */
  others: number
  /** All bytes on the GPU. */
  total: number
  parameters: number
  /** Bytes that were given; null for no budget. */
  budget: number | null
}

/** The step of a configuration, at a micro-batch. */
export function stepConfig(config: TrainConfig, microBatch: number, recompute: Recomputation, frozen = 0): StepConfig {
  const { prompts, loss, optimizer, storage } = config
  const { algorithm, beta1, beta2, eps, weightDecay, maxNorm } = optimizer
  return {
    microBatch,
    prompts: prompts.count,
    slots: slotsOf(config),
    loss,
    optimizer: { algorithm, betas: [beta1, beta2], eps, weightDecay, maxNorm },
    frozen,
    weighted: loss.small > 0,
    recompute,
    storage,
  }
}

/**
 * The plan of a run on this engine's adapter. With a budget: the largest micro-batch that fits it, with as little computed
 * again as it allows. Without: the largest micro-batch of which the adapter can bind all tensors, and nothing computed
 * again. @throws UserError where nothing fits, with what would
 */
export async function planRun(engine: Engine, shapes: ModelShapes, config: TrainConfig): Promise<RunPlan> {
  const planned = planningEngine(engine)
  const model = await SamModel.load(planned, shapes.source, shapes.architecture, config.size, config.storage)
  const adaptation = await openAdaptation(model, config, () => {}, { zero: true })
  const planner = await Planner.open(model, adaptation, config)
  return planner.plan(microBatches(engine, config))
}

/** Largest first. A software adapter gains nothing from more than one image at once. */
function microBatches({ software }: Engine, { batch, microBatch }: TrainConfig): number[] {
  if (microBatch !== 'auto') return [microBatch]
  return software ? [1] : Array.from({ length: batch }, (_, i) => batch - i).filter((n) => batch % n === 0)
}

class Planner {
  private least: RunPlan | null = null
  private refusal: Error | null = null

  private constructor(
    private readonly model: SamModel,
    private readonly adaptation: Adaptation,
    private readonly config: TrainConfig,
    private readonly frozen: number,
    private readonly others: number,
    private readonly budget: number | null,
  ) {}

  static async open(model: SamModel, adaptation: Adaptation, config: TrainConfig): Promise<Planner> {
    const frozen = await FrozenEncoder.open(model, config, new FeatureCache())
    const validator = config.validation.every ? await Predictor.create(model, validationPredictor) : null
    const others = (frozen?.bytes ?? 0) + (validator?.bytes ?? 0)
    validator?.destroy()
    frozen?.destroy()
    const budget = config.memory === null ? null : parseBytes(config.memory)
    return new Planner(model, adaptation, config, frozen?.parts ?? 0, others, budget)
  }

  async plan(microBatches: readonly number[]): Promise<RunPlan> {
    const { recompute } = this.config
    for (const microBatch of microBatches) {
      const found = recompute === 'auto' ? await this.cheapest(microBatch) : await this.fitting(microBatch, recompute)
      if (found) return found
    }
    throw this.refused()
  }

  /** The least that must be computed again at a micro-batch; null where nothing fits. */
  private async cheapest(microBatch: number): Promise<RunPlan | null> {
    const first = await this.tried(microBatch, recomputeNothing)
    if (!first || this.fits(first)) return first
    const more = recomputations(first.step)
    if (!more.length) return null
    // each takes less than the one before: where the last does not fit, none does
    let [low, high] = [0, more.length - 1]
    let best = await this.fitting(microBatch, more[high])
    while (best && low < high) {
      const middle = Math.floor((low + high) / 2)
      const plan = await this.fitting(microBatch, more[middle])
      if (plan) [best, high] = [plan, middle]
      else low = middle + 1
    }
    return best
  }

  private fits({ total }: RunPlan): boolean {
    return this.budget === null || total <= this.budget
  }

  private async fitting(microBatch: number, recompute: Recomputation): Promise<RunPlan | null> {
    const plan = await this.tried(microBatch, recompute)
    return plan && this.fits(plan) ? plan : null
  }

  /** Null where the adapter cannot bind a tensor of it. */
  private async tried(microBatch: number, recompute: Recomputation): Promise<RunPlan | null> {
    const { model, adaptation, config, frozen, others, budget } = this
    const { parameters, record } = adaptation
    try {
      const step = await TrainingStep.create(
        model,
        parameters,
        stepConfig(config, microBatch, recompute, frozen),
        record,
      )
      step.destroy()
      const total = step.plan.peak + others
      const plan = { microBatch, recompute, step: step.plan, others, total, parameters: parameters.count, budget }
      if (!this.least || total < this.least.total) this.least = plan
      return plan
    } catch (error) {
      this.refusal = error as Error
      return null
    }
  }

  private refused(): UserError {
    const { least, refusal, budget, config } = this
    if (!least) return new UserError(`this training step does not fit the adapter: ${refusal!.message}`)
    const held = Object.values(least.step.persistent).reduce((a, b) => a + b, 0)
    const fixed = config.microBatch === 'auto' ? '' : ', a smaller --micro-batch'
    const halves = config.storage === 'f32' ? '--storage f16, ' : ''
    const mib = Math.ceil(least.total / 2 ** 20)
    return new UserError(
      `${amount(budget!, 'bytes')} of memory are too little for this run. The least it takes is ${amount(least.total, 'bytes')}, ` +
        `${least.microBatch === 1 ? 'one image' : `${least.microBatch} images`} at once and ${inWords(least)}: ` +
        `${amount(held, 'bytes')} for the model and what trains, ${amount(least.step.arenas, 'bytes')} for a step, ` +
        `${amount(least.others, 'bytes')} for validations.\n` +
        `Give it --memory ${mib}MiB, or ask for less: ${halves}a smaller --size, --rank or number of --prompts${fixed}, a smaller --model.`,
    )
  }
}

/** What can be computed again, the cheapest first: the decoder, whose tensors are many and products small, then block by block. */
function recomputations({ segments }: MemoryReport): Recomputation[] {
  const blocks = segments.flatMap(({ name }) => (name.startsWith('encoder.') ? [Number(name.split('.')[1]) + 1] : []))
  const decoder = segments.some(({ name }) => name.startsWith('decoder.'))
  return [...(decoder ? [0] : []), ...blocks].map((n) => ({ decoder, blocks: n }))
}

/** What is computed again, for people. */
export function inWords({ step: { segments } }: Pick<RunPlan, 'step'>): string {
  const of = (part: string) => segments.filter(({ name }) => name.startsWith(part))
  const blocks = of('encoder.')
  const again = blocks.filter(({ recompute }) => recompute).length
  const decoder = of('decoder.').some(({ recompute }) => recompute)
  const parts = [
    ...(again
      ? [`${again === blocks.length ? `all ${again}` : `the first ${again} of ${blocks.length}`} encoder blocks`]
      : []),
    ...(decoder ? ['the mask decoder'] : []),
  ]
  return `${parts.join(' and ') || 'nothing'} computed again in the backward pass`
}
