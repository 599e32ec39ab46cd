/**
 * @file The strength of an adapter, a factor of the change to the model's weights, chosen so that no source of images is segmented
 * worse than by the base model. Weights between those of the base and the tuned model keep most of the gain and lose less elsewhere
 * (Wortsman et al. 2022, arXiv:2109.01903).
 */
import type { ComparedSource, PromptScores, StoredStrength } from '../train/adapter-profile'
import type { ParameterState } from '../train/parameters'
import { selectionOf } from './selection'

/** Scores by prompts, and the F1 of the prompt head's prompts as finders of particles, if there is a head. */
export interface SourceScores extends PromptScores {
  head?: number
}

export const meanScore = ({ point, box }: PromptScores): number => (point + box) / 2

/** The strengths that are tried. */
export const STRENGTHS = [0.25, 0.5, 0.75, 1]
/** A fall of the score by this much is none: a few images cannot tell it from chance. */
export const TOLERANCE = 0.001

/** The kinds of prompts that are scored. */
export const prompts = ['point', 'box'] as const
/** A prompt head counts as in validations: on a weaker adapter it sees other embeddings than those it was trained on. */
const rank = ({ head, ...scores }: SourceScores) => selectionOf({ score: meanScore(scores), head })

/** By how much the scores of a source fall below the base model's, at most over points and boxes; negative if they rise. */
export const fall = (base: PromptScores, adapted: PromptScores) =>
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

/** A source of images to compare on. */
export type NamedSource = Pick<ComparedSource, 'name' | 'foreign' | 'images'>

/**
 * Chooses the strength of an adapter.
 * @param states the parameters that are exported
 * @param sources at least one
 * @param measure the scores by source with these parameters; null if it was stopped
 * @returns the parameters at that strength and what was measured; null if it was stopped
 */
export async function chooseStrength(
  states: readonly ParameterState[],
  sources: readonly NamedSource[],
  measure: (states: ParameterState[]) => Promise<SourceScores[] | null>,
): Promise<{ states: ParameterState[]; strength: StoredStrength } | null> {
  const base = await measure(scaled(states, 0))
  if (!base) return null
  const adapted = new Map<number, SourceScores[]>()
  for (const strength of STRENGTHS) {
    const scores = await measure(scaled(states, strength))
    if (!scores) return null
    adapted.set(strength, scores)
  }
  const { value, safe } = bestStrength(base, adapted)
  const chosen = adapted.get(value)!
  const table = sources.map((source, i): ComparedSource => {
    const { head, ...adapter } = chosen[i]
    const { point, box } = base[i]
    return { ...source, base: { point, box }, adapter, ...(head !== undefined && { head }) }
  })
  return { states: scaled(states, value), strength: { value, safe, sources: table } }
}

/** Parameters with other values; their moments are left as they were. */
export const withValues = (all: readonly ParameterState[], values: readonly ParameterState[]): ParameterState[] =>
  all.map((state, i) => ({ ...state, values: values[i].values }))
