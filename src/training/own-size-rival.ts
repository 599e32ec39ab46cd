/**
 * @file After a run at a smaller input than the model's own: compares its adapter with the base model at that, which is what a
 * user would take without training anything.
 */
import type { Engine } from '../../engine/device/engine'
import { Predictor } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { DatasetItem } from '../dataset/dataset'
import { openModel } from '../model/open-model'
import { broadcastValue, type Communicator } from '../mpi/communicator'
import { betterAtOwnSize } from '../evaluation/adapter-warnings'
import { readAdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import { inputSize } from '../../engine/finetune/recipe'
import { readConfigFile, type TrainConfig } from './config'
import { scoreSource } from './prompt-scores'
import { resultFolder, type RunFolder } from './run-folder'
import type { Log } from './session'
import type { PromptScores } from '../../engine/train/adapter-profile'
import { validationPredictor } from './validate'
import { openSources, shareSources, type ValidationSource } from './validation-sources'

export interface OwnSizeOptions {
  engine: Engine
  config: TrainConfig
  run: RunFolder
  /** The run's validation images. */
  val: readonly DatasetItem[]
  /** As in the comparison of strengths. */
  effort: { images: number; instances: number }
  ranks: Communicator
  stop(): boolean
  log: Log
}

/** What rank 0 tells the others; the sources follow. */
interface OwnSizePlan {
  config: TrainConfig
  maxInstances: number
}

/**
 * Adds the base model's scores at its own input to those that the choice of the strength stored, on the same images and
 * particles. Does nothing if there are none, if that is the run's input, or if it was done before. The other ranks call `followOwnSize`.
 * @returns advice for the user: on which sources the base model is better
 */
export async function compareAtOwnSize(options: OwnSizeOptions): Promise<string[]> {
  const { config, run, val, effort, ranks, log } = options
  const folder = resultFolder(run)
  const { strength } = await readAdapterProfile(folder)
  const begin = (plan: OwnSizePlan | null) => broadcastValue<OwnSizePlan | null>(ranks, plan)
  if (!strength || strength.ownSize !== undefined) {
    await begin(null)
    return strength ? betterAtOwnSize(strength) : []
  }
  const model = await openBase(options.engine, config)
  try {
    const ownSize = model.inputSize
    const plan = ownSize > inputSize(config) ? { config, maxInstances: effort.instances } : null
    await begin(plan)
    if (!plan) return []
    const given = await shareSources(ranks, await openSources(config, val, effort.images))
    const measured = await measure(model, plan, given, options)
    if (!measured) return []
    const sources = strength.sources.map((source) => ({ ...source, own: measured.get(source.name) }))
    const known = { ...strength, ownSize, sources }
    await updateAdapterProfile(folder, { strength: known })
    const advice = betterAtOwnSize(known)
    for (const line of advice) log(line)
    return advice
  } finally {
    model.release()
  }
}

type Follower = Pick<OwnSizeOptions, 'engine' | 'ranks' | 'stop'>

/** The part of another rank than the first in the comparison. */
export async function followOwnSize(options: Follower): Promise<void> {
  const plan = await broadcastValue<OwnSizePlan | null>(options.ranks)
  if (!plan) return
  const model = await openBase(options.engine, plan.config)
  try {
    await measure(model, plan, await shareSources(options.ranks, undefined), options)
  } finally {
    model.release()
  }
}

/** The base model at its own input. */
async function openBase(engine: Engine, { model, modelConfig }: TrainConfig): Promise<SamModel> {
  return openModel(engine, model, { config: modelConfig ? await readConfigFile(modelConfig) : undefined })
}

/** The scores by the names of the sources; null if it was stopped at any rank. */
async function measure(
  model: SamModel,
  { config, maxInstances }: OwnSizePlan,
  sources: readonly ValidationSource[],
  { ranks, stop }: Follower,
): Promise<Map<string, PromptScores> | null> {
  const predictor = await Predictor.create(model, validationPredictor)
  const measured = new Map<string, PromptScores>()
  try {
    for (const source of sources) {
      const settings = { maxInstances, seed: config.seed, stop }
      const scores = await scoreSource(predictor, source, settings, null, ranks)
      if (!scores) return null
      measured.set(source.name, scores)
    }
    return measured
  } finally {
    predictor.destroy()
  }
}
