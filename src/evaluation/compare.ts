/** @file Evaluates several segmenters on the same images: models under test, and the rivals that they are compared with. */
import type { SamModel } from '../../engine/sam/sam-model'
import type { Knots } from '../../engine/tune/calibration'
import { CONFIDENCE } from './bootstrap'
import { quantile } from '../statistics/quantile'
import { type EvaluatedImage, evaluate, type EvaluateOptions, type ImageSeconds, type TalliedMode } from './evaluate'
import { type ModelSegmenterOptions, openModelSegmenter } from './model-segmenter'
import { scoreMode, type ScoredEvaluation } from './scores'
import { type OpenSegmenter, promptKinds, type PromptMode } from './segmenter'
import { watershedSegmenter } from './watershed-segmenter'

/** What a contestant of a comparison is. */
export interface Identity {
  /** A short, distinct name, such as 'base', 'adapted' or 'watershed'. */
  name: string
  /** The adapter's path; null for the base model and the watershed. */
  path: string | null
  /** The side of the model's input in pixels; null without a model. */
  size: number | null
  /** True if the others are compared with it. */
  rival: boolean
  /** What a predicted IoU of its automatic masks means, if that is known. */
  calibration?: Knots
}

/** A segmenter to compare, opened when it is its turn. */
export interface Contestant extends Identity {
  /** The prompt modes in which it can be evaluated; all if absent. */
  prompts?: readonly PromptMode[]
  open(prompts: readonly PromptMode[], signal?: AbortSignal): Promise<OpenSegmenter>
}

/** Those of the prompt modes in which a contestant can be evaluated. */
export const promptsFor = ({ prompts }: Pick<Contestant, 'prompts'>, asked: readonly PromptMode[]): PromptMode[] =>
  asked.filter((prompt) => !prompts || prompts.includes(prompt))

/** The name of the rival without a model: Otsu's threshold and a watershed. */
export const WATERSHED = 'watershed'

export const watershedContestant: Contestant = {
  name: WATERSHED,
  path: null,
  size: null,
  rival: true,
  // its regions cannot be corrected
  prompts: [...promptKinds, 'auto'],
  open: async () => ({ ...watershedSegmenter(), close() {} }),
}

type Shared = Omit<EvaluateOptions, 'segmenter' | 'onProgress' | 'onImage' | 'stop'>

export interface CompareOptions extends Shared {
  /** In the order in which they are evaluated, each in at least one of the prompt modes. */
  contestants: readonly Contestant[]
  /** Checked between images: true ends the comparison. */
  stop?(): boolean
  /** Ends the comparison in the middle of an image. */
  signal?: AbortSignal
  onProgress?(name: string, done: number, total: number, id: string): unknown
  onImage?(name: string, image: EvaluatedImage): void | Promise<void>
}

/** The tallies of a contestant's masks, by prompt mode. */
export interface Tallied extends Identity {
  modes: TalliedMode[]
}

/** The median time of an image in one prompt mode, in seconds. */
export interface ImageTime {
  prompt: PromptMode
  /** What is done once for all prompts; null for 'auto', which does its own encoding. */
  encode: number | null
  /** The masks of all instances, after that; null for 'auto'. */
  masks: number | null
  whole: number
}

/** The scores of a contestant, by prompt mode. */
export interface ScoredModel extends Identity {
  evaluations: ScoredEvaluation[]
  times: ImageTime[]
}

export interface Comparison {
  /** The rivals first, then the models under test in the order of the command line. */
  models: ScoredModel[]
  /** Parameters of the bootstrap intervals. */
  bootstrap: { resamples: number; confidence: number; seed: number }
}

/** Evaluates the contestants one after the other. Returns null if it was stopped. */
export async function compare({ contestants, ...options }: CompareOptions): Promise<Tallied[] | null> {
  const { stop, signal, onProgress, onImage, ...shared } = options
  const tallied: Tallied[] = []
  for (const contestant of contestants) {
    const { open, prompts: _, ...identity } = contestant
    const { name } = identity
    if (signal?.aborted) return null
    let segmenter: OpenSegmenter | null = null
    try {
      const prompts = promptsFor(contestant, options.prompts)
      segmenter = await open(prompts, signal)
      const modes = await evaluate({
        ...shared,
        prompts,
        segmenter,
        stop: () => stop?.() || (signal?.aborted ?? false),
        onProgress: onProgress && ((done, total, { id }) => onProgress(name, done, total, id)),
        onImage: onImage && ((image) => onImage(name, image)),
      })
      if (!modes) return null
      tallied.push({ ...identity, modes })
    } catch (error) {
      if (signal?.aborted) return null
      throw error
    } finally {
      segmenter?.close()
    }
  }
  return tallied
}

/** Evaluates a model with the adapters that are attached now. Returns null if it was stopped. */
export async function evaluateModel(
  model: SamModel,
  { name, generator }: { name: string } & Pick<ModelSegmenterOptions, 'generator'>,
  options: Omit<CompareOptions, 'contestants'>,
): Promise<TalliedMode[] | null> {
  const open = (prompts: readonly PromptMode[], signal?: AbortSignal) =>
    openModelSegmenter(model, { prompts, generator, signal })
  const contestant = { name, path: null, size: model.inputSize, rival: false, open }
  const tallied = await compare({ ...options, contestants: [contestant] })
  return tallied && tallied[0].modes
}

/**
 * Computes scores and bootstrap intervals from tallies. Rivals come first in the result, those with the largest input before
 * the others.
 */
export function scoreComparison(
  tallied: readonly Tallied[],
  { resamples = 1000, seed = 0 }: { resamples?: number; seed?: number } = {},
): Comparison {
  const rivals = tallied.filter(({ rival }) => rival).sort((a, b) => (b.size ?? 0) - (a.size ?? 0))
  const ordered = [...rivals, ...tallied.filter(({ rival }) => !rival)]
  const models = ordered.map(({ modes, ...identity }): ScoredModel => {
    return { ...identity, evaluations: [], times: modes.map(medianTime) }
  })
  const prompts = new Set(ordered.flatMap(({ modes }) => modes.map(({ prompt }) => prompt)))
  for (const prompt of prompts) {
    const evaluated = ordered.flatMap(({ modes, name, rival, calibration }, i) =>
      modes.filter((mode) => mode.prompt === prompt).map((mode) => ({ i, name, rival, calibration, mode })),
    )
    const scored = scoreMode(evaluated, { resamples, seed })
    evaluated.forEach(({ i }, k) => models[i].evaluations.push(scored[k]))
  }
  return { models, bootstrap: { resamples, confidence: CONFIDENCE, seed } }
}

function medianTime({ prompt, seconds }: TalliedMode): ImageTime {
  const median = (of: (one: ImageSeconds) => number) => quantile(Float64Array.from(seconds, of).sort(), 0.5)
  const whole = median(({ encode, masks }) => encode + masks)
  if (prompt === 'auto') return { prompt, encode: null, masks: null, whole }
  return { prompt, encode: median(({ encode }) => encode), masks: median(({ masks }) => masks), whole }
}
