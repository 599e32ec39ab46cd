/**
 * @file At the end of a run: chooses the strength of its adapter, a factor of the change to the model's weights, so that no
 * validation source is segmented worse than by the base model. Weights between those of the base and the tuned model keep
 * most of the gain and lose less elsewhere (Wortsman et al. 2022, arXiv:2109.01903).
 */
import type { ParameterState } from '../../engine/train/parameters'
import type { DatasetItem } from '../dataset/dataset'
import { type AdapterProfile, readAdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import type { Adaptation } from '../../engine/finetune/adaptation'
import { selectionOf } from '../../engine/finetune/selection'
import { readCheckpoint } from './checkpoint-file'
import { averaged } from '../../engine/train/split-adapter'
import type { TrainConfig } from './config'
import { exportAdapter } from './export-adapter'
import { resultFolder, type RunFolder } from './run-folder'
import type { Log } from './session'
import { meanScore, type PromptScores, type SourceScores } from './prompt-scores'
import type { Validator } from './validate'
import { openSources, type ValidationSource } from './validation-sources'

export type StoredStrength = NonNullable<AdapterProfile['strength']>
type StoredSource = StoredStrength['sources'][number]

/** The strengths that are tried. */
export const STRENGTHS = [0.25, 0.5, 0.75, 1]
/** A fall of the score by this much is none: a few images cannot tell it from chance. */
export const TOLERANCE = 0.001

/** The kinds of prompts that are scored. */
export const prompts = ['point', 'box'] as const
/** A prompt head counts as in validations: on a weaker adapter it sees other embeddings than those it was trained on. */
const rank = ({ head, ...scores }: SourceScores) => selectionOf({ score: meanScore(scores), head })

/** By how much the scores of a source fall below the base model's, at most over points and boxes; negative if they rise. */
const fall = (base: PromptScores, adapted: PromptScores) =>
  Math.max(...prompts.map((kind) => base[kind] - adapted[kind]))

/**
 * Chooses a strength from the scores of every source: the highest mean score over the sources, among the strengths with which
 * no source falls below the base model, by points or by boxes. If there is none, the one with the smallest fall. The prompt head,
 * which the base model has not, counts in the mean only.
 * @param base the base model's scores by source
 * @param adapted the adapter's by strength and source
 */
export function bestStrength(
  base: readonly PromptScores[],
  adapted: ReadonlyMap<number, readonly SourceScores[]>,
): { value: number; safe: boolean } {
  const choices = [...adapted].map(([value, scores]) => ({
    value,
    worst: Math.max(...scores.map((score, i) => fall(base[i], score))),
    mean: scores.reduce((sum, score) => sum + rank(score), 0) / scores.length,
  }))
  const safe = choices.filter(({ worst }) => worst <= TOLERANCE)
  const [chosen] = safe.length
    ? safe.sort((a, b) => b.mean - a.mean || b.value - a.value)
    : choices.sort((a, b) => a.worst - b.worst || a.value - b.value)
  return { value: chosen.value, safe: safe.length > 0 }
}

/** The parameters of an adapter of another strength: LoRA's B, or the differences of full tuning, times a factor. */
export const scaled = (states: readonly ParameterState[], factor: number): ParameterState[] =>
  states.map((state) =>
    /\.(lora_B|delta)$/.test(state.name) ? { ...state, values: state.values.map((x) => factor * x) } : state,
  )

export interface StrengthOptions {
  config: TrainConfig
  run: RunFolder
  adaptation: Adaptation
  validator: Validator
  /** Images of each source, and instances of each image, that are compared at most. */
  effort: { images: number; instances: number }
  /** The run's validation images. */
  val: readonly DatasetItem[]
  stop(): boolean
  log: Log
}

/**
 * Chooses the strength of the best adapter (the last, if there is no best), and writes it scaled, with the scores in its
 * profile. Does nothing if that was done before. The run's parameters on the GPU are overwritten.
 * @returns false if it was stopped
 * @throws UserError if foreign images cannot be used
 */
export async function applyStrength(options: StrengthOptions): Promise<boolean> {
  const { config, run, adaptation, val, log } = options
  const folder = resultFolder(run)
  if (config.strength === 'full' || (await readAdapterProfile(folder)).strength) return true
  const sources = await openSources(config, val, options.effort.images)
  if (!sources.length) {
    log('the strength of the adapter is not chosen: there are no validation images, foreign images or synthetic scenes')
    return true
  }
  const { parameters } = await readCheckpoint(folder)
  // the exported values are those of the average
  const states = averaged(parameters)
  const measure = async (factor: number): Promise<SourceScores[] | null> => {
    const values = scaled(states, factor)
    adaptation.parameters.upload(parameters.map((state, i) => ({ ...state, values: values[i].values })))
    adaptation.refresh()
    return measureSources(sources, options)
  }
  const base = await measure(0)
  if (!base) return false
  const adapted = new Map<number, SourceScores[]>()
  for (const strength of STRENGTHS) {
    const scores = await measure(strength)
    if (!scores) return false
    adapted.set(strength, scores)
  }
  const { value, safe } = bestStrength(base, adapted)
  const chosen = adapted.get(value)!
  const table = sources.map(({ name, foreign, items }, i): StoredSource => {
    const { head, ...adapter } = chosen[i]
    const { point, box } = base[i]
    return { name, foreign, images: items.length, base: { point, box }, adapter, ...(head !== undefined && { head }) }
  })
  const strength: StoredStrength = { value, safe, sources: table }
  await exportAdapter(folder, config, adaptation.layers, scaled(states, value))
  await updateAdapterProfile(folder, { strength })
  for (const line of describeStrength(strength)) log(line)
  return true
}

async function measureSources(
  sources: readonly ValidationSource[],
  { validator, stop, effort: { instances: maxInstances } }: StrengthOptions,
): Promise<SourceScores[] | null> {
  const scores: SourceScores[] = []
  for (const source of sources) {
    const measured = await validator.scoreSource(source, { maxInstances, stop })
    if (!measured) return null
    scores.push(measured)
  }
  return scores
}

/** The choice as lines of text. */
export function describeStrength({ value, safe, sources }: StoredStrength): string[] {
  const percent = (x: number) => (100 * x).toFixed(2)
  const both = ({ point, box }: PromptScores) => `${percent(point)} · ${percent(box)}`
  const worse = sources.filter(({ base, adapter }) => fall(base, adapter) > TOLERANCE)
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
