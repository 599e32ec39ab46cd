/** @file Evaluates several models on the same images: the base model, adapters, and a classical method as a baseline. */
import { filterCandidates } from '../../engine/generate/filter'
import { MaskGenerator } from '../../engine/generate/generator'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { Predictor } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import type { AttachedAdapter } from '../../engine/train/attached-adapter'
import type { DatasetItem } from '../dataset/dataset'
import type { Sample } from '../dataset/sample'
import {
  type EvaluatedImage,
  EVALUATION_SLOTS,
  evaluate,
  type EvaluateOptions,
  type Proposed,
  type TalliedMode,
  type PromptMode,
} from './evaluate'
import { watershedMasks } from './watershed-baseline'
import { CONFIDENCE } from './bootstrap'
import { scoreMode, type ScoredEvaluation } from './scores'

/** A model to compare: the base model, or the base model with an adapter. */
export interface Contestant {
  /** 'base' or the adapter's name. */
  name: string
  /** The adapter's path; null for the base model. */
  path: string | null
  adapter: AttachedAdapter | null
  /** Options of the automatic generator, for the prompt mode 'auto'. */
  generator?: Partial<GeneratorOptions>
}

/** The name of the baseline: Otsu's threshold and a watershed. */
export const WATERSHED = 'watershed'

export interface CompareOptions {
  model: SamModel
  /** The others are compared with the first. Adapters must be detached, and are detached again afterwards. */
  contestants: readonly Contestant[]
  /** Whether to evaluate the baseline (Otsu's threshold and a watershed) as well. */
  watershed?: boolean
  items: readonly DatasetItem[]
  prompts: readonly PromptMode[]
  maxInstances?: number | null
  boundaryTolerance?: number
  seed?: number
  /** Checked between images: true ends the comparison. */
  stop?(): boolean
  /** Ends the comparison in the middle of an image. */
  signal?: AbortSignal
  onProgress?(name: string, done: number, total: number, item: DatasetItem): void
  onImage?(name: string, image: EvaluatedImage): void | Promise<void>
}

/** The tallies of a model's masks, by prompt mode. */
export interface TalliedModel {
  name: string
  path: string | null
  modes: TalliedMode[]
}

/** The scores of a model, by prompt mode. */
export interface ScoredModel {
  name: string
  path: string | null
  evaluations: ScoredEvaluation[]
}

export interface Comparison {
  /** The base model first, the baseline last. */
  models: ScoredModel[]
  /** Parameters of the bootstrap intervals. */
  bootstrap: { resamples: number; confidence: number; seed: number }
}

/** Evaluates the models one after the other, then the baseline if wanted. Returns null if it was stopped. */
export async function compare(options: CompareOptions): Promise<TalliedModel[] | null> {
  const { contestants, model, watershed } = options
  const tallied: TalliedModel[] = []
  for (const contestant of contestants) {
    contestant.adapter?.attach()
    const modes = await evaluateModel(model, contestant, options).finally(() => contestant.adapter?.detach())
    if (!modes) return null
    tallied.push({ name: contestant.name, path: contestant.path, modes })
  }
  if (!watershed) return tallied
  const modes = await evaluate({
    ...common(WATERSHED, options),
    prompts: ['auto'],
    propose: async (sample) => {
      const masks = watershedMasks(sample)
      return { masks, scores: masks.map(() => null) }
    },
  })
  return modes && [...tallied, { name: WATERSHED, path: null, modes }]
}

/** Evaluates the model with the adapters that are attached now. Returns null if it was stopped. */
export async function evaluateModel(
  model: SamModel,
  { name, generator: settings }: Pick<Contestant, 'name' | 'generator'>,
  options: Omit<CompareOptions, 'model' | 'contestants' | 'watershed'>,
): Promise<TalliedMode[] | null> {
  const { prompts, signal } = options
  const prompted = prompts.some((prompt) => prompt !== 'auto')
  let predictor: Predictor | undefined
  let generator: MaskGenerator | undefined
  try {
    if (prompted) predictor = await Predictor.create(model, { slots: EVALUATION_SLOTS })
    const finder = prompts.includes('auto') ? (generator = await MaskGenerator.create(model, settings)) : null
    return await evaluate({
      ...common(name, options),
      prompts,
      predictor,
      propose: finder ? (sample) => proposeMasks(finder, sample, signal) : undefined,
    })
  } catch (error) {
    if (signal?.aborted) return null
    throw error
  } finally {
    predictor?.destroy()
    generator?.destroy()
  }
}

const common = (
  name: string,
  {
    items,
    maxInstances,
    boundaryTolerance,
    seed,
    stop,
    signal,
    onProgress,
    onImage,
  }: Omit<CompareOptions, 'model' | 'contestants'>,
): Omit<EvaluateOptions, 'prompts'> => ({
  items,
  maxInstances,
  boundaryTolerance,
  seed,
  stop: () => stop?.() || (signal?.aborted ?? false),
  onProgress: onProgress && ((...progress) => onProgress(name, ...progress)),
  onImage: onImage && ((image) => onImage(name, image)),
})

async function proposeMasks(generator: MaskGenerator, image: Sample, signal?: AbortSignal): Promise<Proposed> {
  const set = await generator.candidates(image, { signal })
  const kept = filterCandidates(set, generator.options).kept.map((i) => set.candidates[i])
  return { masks: kept.map(({ mask }) => mask), scores: kept.map(({ predictedIou }) => predictedIou) }
}

/** Computes scores and bootstrap intervals from tallies; the base model comes first. */
export function scoreComparison(
  tallied: readonly TalliedModel[],
  { resamples = 1000, seed = 0 }: { resamples?: number; seed?: number } = {},
): Comparison {
  const models: ScoredModel[] = tallied.map(({ name, path }) => ({ name, path, evaluations: [] }))
  const prompts = new Set(tallied.flatMap(({ modes }) => modes.map(({ prompt }) => prompt)))
  for (const prompt of prompts) {
    const evaluated = tallied.flatMap(({ modes }, i) =>
      modes.filter((mode) => mode.prompt === prompt).map((mode) => ({ i, mode })),
    )
    const scored = scoreMode(
      evaluated.map(({ mode }) => mode),
      { resamples, seed, base: evaluated[0].i === 0 },
    )
    evaluated.forEach(({ i }, k) => models[i].evaluations.push(scored[k]))
  }
  return { models, bootstrap: { resamples, confidence: CONFIDENCE, seed } }
}
