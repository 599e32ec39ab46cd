/** @file At the end of a run: chooses the strength of its adapter on the run's validation sources, and writes it. */
import type { ParameterState } from '../../engine/train/parameters'
import type { DatasetItem } from '../dataset/dataset'
import { readAdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import type { Adaptation } from '../../engine/finetune/adaptation'
import { chooseStrength, type SourceScores, withValues } from '../../engine/finetune/strength'
import type { PromptScores, StoredStrength } from '../../engine/train/adapter-profile'
import { worseSources } from '../evaluation/adapter-warnings'
import { readCheckpoint } from './checkpoint-file'
import { averaged } from '../../engine/train/split-adapter'
import { broadcastValue, type Communicator } from '../mpi/communicator'
import type { TrainConfig } from './config'
import { exportAdapter } from './export-adapter'
import { resultFolder, type RunFolder } from './run-folder'
import type { Log } from './session'
import type { Validator } from './validate'
import { openSources, shareSources, type ValidationSource } from './validation-sources'

/** What a rank needs to score strengths. */
export interface StrengthScorer {
  adaptation: Adaptation
  /** Of the same ranks. */
  validator: Validator
  ranks: Communicator
  stop(): boolean
}

export interface StrengthOptions extends StrengthScorer {
  config: TrainConfig
  run: RunFolder
  /** Images of each source, and instances of each image, that are compared at most. */
  effort: { images: number; instances: number }
  /** The run's validation images. */
  val: readonly DatasetItem[]
  log: Log
}

/** What rank 0 tells the others: the adapter and how it is scored; the sources follow. */
interface StrengthPlan {
  parameters: ParameterState[]
  maxInstances: number
}

/**
 * Chooses the strength of the best adapter (the last, if there is no best), and writes it scaled, with the scores in its
 * profile. Does nothing if that was done before. The run's parameters on the GPU are overwritten. The other ranks call `followStrength`.
 * @returns false if it was stopped
 * @throws UserError if foreign images cannot be used
 */
export async function applyStrength(options: StrengthOptions): Promise<boolean> {
  const { config, run, adaptation, effort, ranks, log } = options
  const folder = resultFolder(run)
  const sources = await sourcesToCompare(options, folder)
  const plan = sources && {
    parameters: (await readCheckpoint(folder)).parameters,
    maxInstances: effort.instances,
  }
  await broadcastValue<StrengthPlan | null>(ranks, plan)
  if (!plan) return true
  const chosen = await choose(options, plan, await shareSources(ranks, sources))
  if (!chosen) return false
  const { states, strength } = chosen
  await exportAdapter(folder, config, adaptation.layers, states)
  await updateAdapterProfile(folder, { strength })
  for (const line of describeStrength(strength)) log(line)
  return true
}

/** The part of another rank than the first in the choice of the strength. @returns false if it was stopped */
export async function followStrength(scorer: StrengthScorer): Promise<boolean> {
  const plan = await broadcastValue<StrengthPlan | null>(scorer.ranks)
  if (!plan) return true
  return (await choose(scorer, plan, await shareSources(scorer.ranks, undefined))) !== null
}

/** Null if there is nothing to choose. */
async function sourcesToCompare(
  { config, val, effort, log }: StrengthOptions,
  folder: string,
): Promise<ValidationSource[] | null> {
  if (config.strength === 'full' || (await readAdapterProfile(folder)).strength) return null
  const sources = await openSources(config, val, effort.images)
  if (sources.length) return sources
  log('the strength of the adapter is not chosen: there are no validation images, foreign images or synthetic scenes')
  return null
}

/** The same at every rank; null if it was stopped at any. */
function choose(
  { adaptation, validator, stop }: StrengthScorer,
  { parameters, maxInstances }: StrengthPlan,
  sources: readonly ValidationSource[],
): ReturnType<typeof chooseStrength> {
  const measure = async (states: ParameterState[]) => {
    adaptation.parameters.upload(withValues(parameters, states))
    adaptation.refresh()
    const scores: SourceScores[] = []
    for (const source of sources) {
      const measured = await validator.scoreSource(source, { maxInstances, stop })
      if (!measured) return null
      scores.push(measured)
    }
    return scores
  }
  const named = sources.map(({ name, foreign, items }) => ({ name, foreign, images: items.length }))
  // the exported values are those of the average
  return chooseStrength(averaged(parameters), named, measure)
}

/** The choice as lines of text. */
export function describeStrength(strength: StoredStrength): string[] {
  const { value, safe, sources } = strength
  const percent = (x: number) => (100 * x).toFixed(2)
  const both = ({ point, box }: PromptScores) => `${percent(point)} · ${percent(box)}`
  const worse = worseSources(strength)
  return [
    safe
      ? `strength of the adapter: ${value}, the best with which no source is worse than with the base model`
      : `warning: with the adapter these sources are worse than with the base model, at every strength: ${worse.map(({ name }) => name).join(', ')}. ` +
        `The least harmful strength, ${value}, is kept. Train on images like them, or use the base model there.`,
    ...sources.map(
      ({ name, foreign, images, base, adapter, head }) =>
        `  ${name} (${images} images${foreign ? ', not trained on' : ''}): score by points · boxes ${both(base)} with the base model, ${both(adapter)} with the adapter` +
        (head === undefined ? '' : `; the prompt head finds its particles with an F1 of ${percent(head)}`),
    ),
  ]
}
