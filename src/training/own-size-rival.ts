/**
 * @file After a run at a smaller input than the model's own: compares its adapter, as the commands use it, with the base model at its
 * own input, which is what a user would take without training anything.
 */
import type { Engine } from '../../engine/device/engine'
import { Predictor } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { DiameterBand } from '../../engine/scale/view'
import type { DatasetItem } from '../dataset/dataset'
import { adapterBand } from '../model/adapter-band'
import { loadAdapter } from '../model/attach-adapter'
import { openModel } from '../model/open-model'
import { alone, broadcastValue, type Communicator } from '../mpi/communicator'
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
 * Adds the base model's scores at its own input, and the adapter's in the tiles in which it is used, to those that the choice of the
 * strength stored, on the same images and particles. Does nothing if there are none, if that is the run's input, or if it was done
 * before. The other ranks call `followOwnSize`.
 * @returns advice for the user: on which sources the base model is better
 */
export async function compareAtOwnSize(options: OwnSizeOptions): Promise<string[]> {
  const { run, ranks, log } = options
  const folder = resultFolder(run)
  const { strength } = await readAdapterProfile(folder)
  const begin = (plan: OwnSizePlan | null) => broadcastValue<OwnSizePlan | null>(ranks, plan)
  if (!strength || strength.ownSize !== undefined) {
    await begin(null)
    return strength ? betterAtOwnSize(strength) : []
  }
  const base = await measureBase(options, begin)
  const used = base && (await measureAdapter(folder, base, options))
  if (!base || !used) return []
  const sources = strength.sources.map((source) => {
    return { ...source, own: base.own.get(source.name), used: used.get(source.name) }
  })
  const known = { ...strength, ownSize: base.ownSize, sources }
  await updateAdapterProfile(folder, { strength: known })
  const advice = betterAtOwnSize(known)
  for (const line of advice) log(line)
  return advice
}

/** The scores of the base model at its own input, and what they were measured on. */
interface BaseScores {
  ownSize: number
  own: ReadonlyMap<string, PromptScores>
  plan: OwnSizePlan
  given: readonly ValidationSource[]
}

/**
 * Measures the base model, together with the other ranks; null if that is the run's input, or it was stopped.
 * @param begin tells the others
 */
async function measureBase(
  options: OwnSizeOptions,
  begin: (plan: OwnSizePlan | null) => Promise<unknown>,
): Promise<BaseScores | null> {
  const { config, val, effort, ranks } = options
  const model = await openModelOf(options.engine, config)
  try {
    const ownSize = model.inputSize
    const plan = ownSize > inputSize(config) ? { config, maxInstances: effort.instances } : null
    await begin(plan)
    if (!plan) return null
    const given = await shareSources(ranks, await openSources(config, val, effort.images))
    const own = await measure(model, plan, given, options)
    return own && { ownSize, own, plan, given }
  } finally {
    model.release()
  }
}

type Follower = Pick<OwnSizeOptions, 'engine' | 'ranks' | 'stop'>

/** The part of another rank than the first in the comparison. */
export async function followOwnSize(options: Follower): Promise<void> {
  const plan = await broadcastValue<OwnSizePlan | null>(options.ranks)
  if (!plan) return
  const model = await openModelOf(options.engine, plan.config)
  try {
    await measure(model, plan, await shareSources(options.ranks, undefined), options)
  } finally {
    model.release()
  }
}

/** The base model, by default at its own input. */
async function openModelOf(engine: Engine, { model, modelConfig }: TrainConfig, side?: number): Promise<SamModel> {
  const config = modelConfig ? await readConfigFile(modelConfig) : undefined
  return openModel(engine, model, { inputSize: side, config })
}

/** The scores by the names of the sources; null if it was stopped at any rank. Images are seen as `wgsam eval` shows them. */
async function measure(
  model: SamModel,
  { config, maxInstances }: OwnSizePlan,
  sources: readonly ValidationSource[],
  { ranks, stop }: Pick<Follower, 'ranks' | 'stop'>,
  band?: DiameterBand,
): Promise<Map<string, PromptScores> | null> {
  const predictor = await Predictor.create(model, validationPredictor)
  const measured = new Map<string, PromptScores>()
  try {
    for (const source of sources) {
      const settings = { maxInstances, seed: config.seed, stop, scale: { diameter: 'auto', band } as const }
      const scores = await scoreSource(predictor, source, settings, null, ranks)
      if (!scores) return null
      measured.set(source.name, scores)
    }
    return measured
  } finally {
    predictor.destroy()
  }
}

/** The adapter at the input of its training. By the first rank alone: only there the adapter is certainly on the disk. */
async function measureAdapter(
  folder: string,
  { plan, given }: BaseScores,
  { engine, stop }: OwnSizeOptions,
): Promise<Map<string, PromptScores> | null> {
  const model = await openModelOf(engine, plan.config, inputSize(plan.config))
  try {
    const adapter = await loadAdapter(model, folder)
    try {
      return await measure(model, plan, given, { ranks: alone, stop }, await adapterBand(folder, model))
    } finally {
      adapter.release()
    }
  } finally {
    model.release()
  }
}
