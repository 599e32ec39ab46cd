/** @file Plans the memory of a run from its configuration, and says what to change where nothing fits. */
import type { Engine } from '../../engine/device/engine'
import { type ModelShapes, NothingFitsError, planRun as plan, type RunPlan } from '../../engine/finetune/memory-planner'
import { recomputationText } from '../../engine/finetune/recomputation-text'
import { SettingError } from '../../engine/setting-error'
import { messageOf, UserError } from '../host/errors'
import { amount } from '../host/progress'
import { parseBytes } from '../text/byte-size'
import type { TrainConfig } from './config'
import { commonShare, greatestDivisor } from './rank-share'
import { validationPredictor } from './validate'

export type { RunPlan } from '../../engine/finetune/memory-planner'

/** See planRun of the engine. @throws UserError if nothing fits; the message says what would */
export async function planRun(engine: Engine, shapes: ModelShapes, whole: TrainConfig, ranks = 1): Promise<RunPlan> {
  const config = ranks === 1 ? whole : shareOfConfig(whole, ranks)
  const budget = config.memory === null ? null : parseBytes(config.memory)
  return plan(engine, shapes, config, budget, validationPredictor).catch((error: unknown) => {
    if (error instanceof NothingFitsError) throw nothingFits(error, config, budget)
    if (!(error instanceof SettingError)) throw error
    throw new UserError(/LiteMedSAM/.test(error.message) ? `${config.model}: ${error.message}` : error.message)
  })
}

function nothingFits({ smallest, reason }: NothingFitsError, config: TrainConfig, budget: number | null): UserError {
  if (!smallest) return new UserError(`this training step does not fit the adapter: ${messageOf(reason)}`)
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

/** What a rank plans: micro-batches that divide its images of a step, which may be fewer than when the run began. */
function shareOfConfig(config: TrainConfig, ranks: number): TrainConfig {
  const { microBatch } = config
  const batch = commonShare(config, ranks)
  return { ...config, batch, microBatch: microBatch === 'auto' ? 'auto' : greatestDivisor(microBatch, batch) }
}
