/**
 * @file Chooses the micro-batch and what the backward pass recomputes, so that a run fits its memory budget, before
 * anything is allocated on the GPU. The run is recorded on a device that allocates no memory, so the plan is exact to the
 * byte.
 */
import type { Engine } from '../../engine/device/engine'
import { planningEngine } from '../../engine/device/planning-device'
import type { MemoryReport } from '../../engine/graph/memory-report'
import { Predictor } from '../../engine/sam/predictor'
import { SamModel } from '../../engine/sam/sam-model'
import { type Recomputation, recomputeNothing } from '../../engine/sam/recomputation'
import { stepConfig } from '../../engine/finetune/step-config'
import { TrainingStep } from '../../engine/train/training-step'
import { messageOf, UserError } from '../host/errors'
import { amount } from '../host/progress'
import type { ModelShapes } from '../weights/weight-shapes'
import type { Adaptation } from '../../engine/finetune/adaptation'
import { openAdaptation } from './adaptation'
import type { TrainConfig } from './config'
import { FeatureCache, FrozenEncoder } from '../../engine/finetune/feature-cache'
import { parseBytes } from '../text/byte-size'
import { validationPredictor } from './validate'

export interface RunPlan {
  /** Side of the model's input, pixels. */
  size: number
  /** Images on the GPU at once. */
  microBatch: number
  recompute: Recomputation
  /** Memory of the model, the trained parameters and the training step. */
  step: MemoryReport
  /** Bytes besides the step: for validations, and for the frozen first parts of the encoder. */
  others: number
  /** Total bytes on the GPU. */
  total: number
  /** The number of trained parameters. */
  parameters: number
  /** The budget in bytes; null for none. */
  budget: number | null
}

/**
 * Plans a run on this engine's adapter. With a budget: the largest micro-batch that fits it, with as little recomputation
 * as possible. Without: the largest micro-batch that takes at most 8 GiB (or one image) and
 * whose tensors the adapter can bind, without recomputation.
 * @throws UserError if nothing fits; the message says what would
 */
export async function planRun(engine: Engine, shapes: ModelShapes, config: TrainConfig): Promise<RunPlan> {
  const planned = planningEngine(engine)
  const model = await SamModel.load(planned, shapes.source, shapes.architecture, {
    inputSize: config.size ?? undefined,
    storage: config.storage,
  })
  if (4 * model.maskSide !== model.inputSize)
    throw new UserError(
      `${config.model}: a LiteMedSAM, whose masks are as fine as its input: wgsam segments with it, and trains SAM and MobileSAM`,
    )
  const adaptation = await openAdaptation(model, config, () => {}, { zero: true })
  const planner = await MemoryPlanner.open(model, adaptation, config)
  return planner.plan(microBatches(engine, config))
}

/** The micro-batches to try, largest first. A software adapter gains nothing from more than one image at once. */
function microBatches({ software }: Engine, { batch, microBatch }: TrainConfig): number[] {
  if (microBatch !== 'auto') return [microBatch]
  return software ? [1] : Array.from({ length: batch }, (_, i) => batch - i).filter((n) => batch % n === 0)
}

/**
 * Without a budget no more images are on the GPU at once than need this much memory: most cards have it, and images of that size
 * keep a GPU busy one after the other as well as together.
 */
const UNASKED_BYTES = 8 * 2 ** 30

class MemoryPlanner {
  /** The smallest plan found so far, within the budget or not. */
  private smallest: RunPlan | null = null
  /** Why the adapter could not run the step recorded last. */
  private adapterError: unknown = null

  private constructor(
    private readonly model: SamModel,
    private readonly adaptation: Adaptation,
    private readonly config: TrainConfig,
    private readonly frozen: number,
    private readonly others: number,
    private readonly budget: number | null,
  ) {}

  static async open(model: SamModel, adaptation: Adaptation, config: TrainConfig): Promise<MemoryPlanner> {
    const frozen = await FrozenEncoder.open(model, config, new FeatureCache())
    const validator = config.validation.every ? await Predictor.create(model, validationPredictor) : null
    const others = (frozen?.bytes ?? 0) + (validator?.bytes ?? 0)
    validator?.destroy()
    frozen?.destroy()
    const budget = config.memory === null ? null : parseBytes(config.memory)
    return new MemoryPlanner(model, adaptation, config, frozen?.parts ?? 0, others, budget)
  }

  async plan(microBatches: readonly number[]): Promise<RunPlan> {
    const { recompute } = this.config
    for (const microBatch of microBatches) {
      const plan =
        recompute === 'auto'
          ? await this.leastRecomputation(microBatch)
          : await this.planWithinBudget(microBatch, recompute)
      const modest = this.budget !== null || !plan || plan.total <= UNASKED_BYTES
      if (plan && (modest || microBatch === microBatches.at(-1))) return plan
    }
    throw this.nothingFits()
  }

  /** The plan with the least recomputation at a micro-batch; null if none fits the budget. */
  private async leastRecomputation(microBatch: number): Promise<RunPlan | null> {
    const first = await this.planFor(microBatch, recomputeNothing)
    if (!first || this.fits(first)) return first
    const choices = recomputations(first.step)
    if (!choices.length) return null
    // binary search: each choice needs less memory than the one before, so if the last does not fit, none does
    let [low, high] = [0, choices.length - 1]
    let best = await this.planWithinBudget(microBatch, choices[high])
    while (best && low < high) {
      const middle = Math.floor((low + high) / 2)
      const plan = await this.planWithinBudget(microBatch, choices[middle])
      if (plan) [best, high] = [plan, middle]
      else low = middle + 1
    }
    return best
  }

  private fits({ total }: RunPlan): boolean {
    return this.budget === null || total <= this.budget
  }

  private async planWithinBudget(microBatch: number, recompute: Recomputation): Promise<RunPlan | null> {
    const plan = await this.planFor(microBatch, recompute)
    return plan && this.fits(plan) ? plan : null
  }

  /** Null if the adapter cannot bind one of the tensors. */
  private async planFor(microBatch: number, recompute: Recomputation): Promise<RunPlan | null> {
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
      const { inputSize: size } = model
      const plan = { size, microBatch, recompute, step: step.plan, others, total, parameters: parameters.count, budget }
      if (!this.smallest || total < this.smallest.total) this.smallest = plan
      return plan
    } catch (error) {
      this.adapterError = error
      return null
    }
  }

  private nothingFits(): UserError {
    const { smallest, adapterError, budget, config } = this
    if (!smallest) return new UserError(`this training step does not fit the adapter: ${messageOf(adapterError)}`)
    const held = Object.values(smallest.step.persistent).reduce((a, b) => a + b, 0)
    const fixed = config.microBatch === 'auto' ? '' : ', a smaller --micro-batch'
    const storage = config.storage === 'f32' ? '--storage f16, ' : ''
    const mib = Math.ceil(smallest.total / 2 ** 20)
    return new UserError(
      `${amount(budget!, 'bytes')} of memory are too little for this run. It needs at least ${amount(smallest.total, 'bytes')}, ` +
        `with ${smallest.microBatch === 1 ? 'one image' : `${smallest.microBatch} images`} at once and ${recomputationText(smallest)}: ` +
        `${amount(held, 'bytes')} for the model and the trained parameters, ${amount(smallest.step.arenas, 'bytes')} for a step, ` +
        `${amount(smallest.others, 'bytes')} for validations.\n` +
        `Give it --memory ${mib}MiB, or reduce its needs: ${storage}a smaller --size, --rank or number of --prompts${fixed}, a smaller --model.`,
    )
  }
}

/** What can be recomputed, the cheapest first: the decoder, with many tensors and small matmuls, then block by block. */
function recomputations({ segments }: MemoryReport): Recomputation[] {
  const blocks = segments.flatMap(({ name }) => (name.startsWith('encoder.') ? [Number(name.split('.')[1]) + 1] : []))
  const decoder = segments.some(({ name }) => name.startsWith('decoder.'))
  return [...(decoder ? [0] : []), ...blocks].map((n) => ({ decoder, blocks: n }))
}

/** Says what a plan recomputes, for people. */
export function recomputationText({ step: { segments } }: Pick<RunPlan, 'step'>): string {
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
  return `${parts.join(' and ') || 'nothing'} recomputed in the backward pass`
}
