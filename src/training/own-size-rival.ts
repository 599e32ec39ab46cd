/**
 * @file After a run at a smaller input than the model's own: compares its adapter with the base model at that, which is what a
 * user would take without training anything.
 */
import type { Engine } from '../../engine/device/engine'
import { Predictor } from '../../engine/sam/predictor'
import type { DatasetItem } from '../dataset/dataset'
import { openModel } from '../model/open-model'
import { type AdapterProfile, readAdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import { inputSize } from '../../engine/finetune/recipe'
import { readConfigFile, type TrainConfig } from './config'
import { scoreSource } from './prompt-scores'
import { resultFolder, type RunFolder } from './run-folder'
import type { Log } from './session'
import { prompts, TOLERANCE } from '../../engine/finetune/strength'
import type { PromptScores } from '../../engine/train/adapter-profile'
import { validationPredictor } from './validate'
import { openSources } from './validation-sources'

export interface OwnSizeOptions {
  engine: Engine
  config: TrainConfig
  run: RunFolder
  /** The run's validation images. */
  val: readonly DatasetItem[]
  /** As in the comparison of strengths. */
  effort: { images: number; instances: number }
  stop(): boolean
  log: Log
}

/**
 * Adds the base model's scores at its own input to those that the choice of the strength stored, on the same images and
 * particles. Does nothing if there are none, if that is the run's input, or if it was done before.
 * @returns advice for the user: on which sources the base model is better
 */
export async function compareAtOwnSize(options: OwnSizeOptions): Promise<string[]> {
  const { engine, config, run, val, effort, stop, log } = options
  const folder = resultFolder(run)
  const { strength } = await readAdapterProfile(folder)
  if (!strength) return []
  if (strength.ownSize !== undefined) return describeOwnSize(strength)
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, { config: toy })
  try {
    const ownSize = model.inputSize
    if (ownSize <= inputSize(config)) return []
    const predictor = await Predictor.create(model, validationPredictor)
    const measured = new Map<string, PromptScores>()
    try {
      const settings = { maxInstances: effort.instances, seed: config.seed, stop }
      for (const source of await openSources(config, val, effort.images)) {
        const scores = await scoreSource(predictor, source, settings)
        if (!scores) return []
        measured.set(source.name, scores)
      }
    } finally {
      predictor.destroy()
    }
    const sources = strength.sources.map((source) => ({ ...source, own: measured.get(source.name) }))
    const known = { ...strength, ownSize, sources }
    await updateAdapterProfile(folder, { strength: known })
    const advice = describeOwnSize(known)
    for (const line of advice) log(line)
    return advice
  } finally {
    model.release()
  }
}

/**
 * For which prompts the base model at its own input is better than the adapter, as lines of text, one for each source; none if it
 * is better nowhere.
 */
export function describeOwnSize({ ownSize, sources }: NonNullable<AdapterProfile['strength']>): string[] {
  const percent = (x: number) => (100 * x).toFixed(2)
  return sources.flatMap(({ name, adapter, own }) => {
    if (!own) return []
    const better = prompts.filter((kind) => own[kind] - adapter[kind] > TOLERANCE)
    if (!better.length) return []
    const scores = (kind: (typeof prompts)[number]) =>
      `${percent(own[kind])}, with the adapter ${percent(adapter[kind])}`
    const where = better.map((kind) => `with ${kind} prompts (score ${scores(kind)})`).join(' and ')
    const others = prompts.filter((kind) => adapter[kind] - own[kind] > TOLERANCE)
    const but = others.map((kind) => `; with ${kind} prompts the adapter is better (${scores(kind)})`).join('')
    return [
      `on images like ${name} the base model at its own input of ${ownSize} is better ${where}${but}. ` +
        'An adapter for that input is trained without --size',
    ]
  })
}
