/**
 * @file Chooses the micro-batch and what the backward pass recomputes, so that a run fits its memory budget, before
 * anything is allocated on the GPU. The run is recorded on a device that allocates no memory, so the plan is exact to the
 * byte.
 */
import type { Engine } from '../device/engine'
import { planningEngine } from '../device/planning-device'
import type { MemoryReport } from '../graph/memory-report'
import type { Architecture } from '../sam/architecture'
import { Predictor, type PredictorOptions } from '../sam/predictor'
import { type Recomputation, recomputeNothing } from '../sam/recomputation'
import { SamModel } from '../sam/sam-model'
import type { WeightSource } from '../sam/weights'
import { SettingError } from '../setting-error'
import { TrainingStep } from '../train/training-step'
import { type Adaptation, openAdaptation } from './adaptation'
import { FeatureCache, FrozenEncoder } from './feature-cache'
import { ParticleCounter } from './found-particles'
import type { Recipe } from './recipe'
import { stepConfig } from './step-config'

/** The settings of a run on which its memory depends. */
export interface PlanRequest extends Pick<
  Recipe,
  'size' | 'augment' | 'storage' | 'batch' | 'lora' | 'loss' | 'head' | 'optimizer' | 'average' | 'prompts' | 'seed'
> {
  validation: Pick<Recipe['validation'], 'every'>
  microBatch: 'auto' | number
  recompute: 'auto' | Recomputation
}

/** A model without its values. */
export interface ModelShapes {
  architecture: Architecture
  /** Zeros in the shapes of the weights. */
  source: WeightSource
}

/** What a training takes on the GPU, chosen before anything is allocated. */
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
 * No plan fits the budget, or the adapter cannot run the step at all.
 * @example
 * try {
 *   await planTraining({ architecture, memory: 2 ** 30 })
 * } catch (error) {
 *   if (!(error instanceof NothingFitsError)) throw error
 *   showNote(`a training needs at least ${error.smallest?.total} bytes`)
 * }
 */
export class NothingFitsError extends SettingError {
  override name = 'NothingFitsError'

  /**
   * @param smallest the plan that needs the least memory; null if the adapter cannot run the step
   * @param reason why it cannot
   */
  constructor(
    message: string,
    readonly smallest: RunPlan | null,
    readonly reason: unknown,
  ) {
    super(message)
  }
}

/**
 * Plans a run on this engine's adapter. With a budget: the largest micro-batch that fits it, with as little recomputation
 * as possible. Without: the largest micro-batch that takes at most 8 GiB (or one image) and
 * whose tensors the adapter can bind, without recomputation.
 * @param budget in bytes; null for none
 * @param validator the options of the predictor that validates during the run
 * @throws NothingFitsError if nothing fits · SettingError if the model cannot be trained as the request says
 */
export async function planRun(
  engine: Engine,
  shapes: ModelShapes,
  request: PlanRequest,
  budget: number | null,
  validator: PredictorOptions,
): Promise<RunPlan> {
  const planned = planningEngine(engine)
  const model = await SamModel.load(planned, shapes.source, shapes.architecture, {
    inputSize: request.size ?? undefined,
    storage: request.storage,
  })
  if (4 * model.maskSide !== model.inputSize)
    throw new SettingError(
      'a LiteMedSAM, whose masks are as fine as its input: wgsam segments with it, and trains SAM and MobileSAM',
    )
  const adaptation = await openAdaptation(model, request, { zero: true })
  const planner = await MemoryPlanner.open(model, adaptation, request, budget, validator)
  return planner.plan(microBatches(engine, request))
}

/** The micro-batches to try, largest first. A software adapter gains nothing from more than one image at once. */
function microBatches({ software }: Engine, { batch, microBatch }: PlanRequest): number[] {
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
    private readonly config: PlanRequest,
    private readonly frozen: number,
    private readonly others: number,
    private readonly budget: number | null,
  ) {}

  static async open(
    model: SamModel,
    adaptation: Adaptation,
    config: PlanRequest,
    budget: number | null,
    options: PredictorOptions,
  ): Promise<MemoryPlanner> {
    const frozen = await FrozenEncoder.open(model, config, new FeatureCache())
    const validator = config.validation.every ? await Predictor.create(model, options) : null
    const counter = validator && (await ParticleCounter.open(validator))
    const others = (frozen?.bytes ?? 0) + (validator?.bytes ?? 0) + (counter?.bytes ?? 0)
    counter?.destroy()
    validator?.destroy()
    frozen?.destroy()
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

  private nothingFits(): NothingFitsError {
    const { smallest, adapterError, budget } = this
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
    const text = smallest
      ? `${mib(budget!)} of memory are too little for this run, which needs at least ${mib(smallest.total)}: a smaller input, rank or number of prompts needs less`
      : `this training step does not fit the adapter: ${adapterError instanceof Error ? adapterError.message : adapterError}`
    return new NothingFitsError(text, smallest, adapterError)
  }
}

/** What can be recomputed, the cheapest first: the decoder, with many tensors and small matmuls, then block by block. */
function recomputations({ segments }: MemoryReport): Recomputation[] {
  const blocks = segments.flatMap(({ name }) => (name.startsWith('encoder.') ? [Number(name.split('.')[1]) + 1] : []))
  const decoder = segments.some(({ name }) => name.startsWith('decoder.'))
  return [...(decoder ? [0] : []), ...blocks].map((n) => ({ decoder, blocks: n }))
}
