/** @file A model as a segmenter: it predicts a mask from each prompt, and its generator finds masks automatically. */
import { filterCandidates } from '../../engine/generate/filter'
import { MaskGenerator } from '../../engine/generate/generator'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { Predictor } from '../../engine/sam/predictor'
import type { ImagePrompt } from '../../engine/sam/prompt-masks'
import type { SamModel } from '../../engine/sam/sam-model'
import { type ScaleSettings, TiledPredictor } from '../../engine/scale/tiled-predictor'
import { wholeView } from '../../engine/scale/view'
import { tileCount } from '../../engine/image/tiles'
import type { Instance } from '../dataset/instances'
import type { Sample } from '../dataset/sample'
import type { EvaluationPrompt, OpenSegmenter, PromptMode, Proposed, Segmenter } from './segmenter'

/** Entries per prompt of an evaluation: a point and its padding, or two corners. */
export const EVALUATION_SLOTS = 2

export interface ModelSegmenterOptions {
  prompts: readonly PromptMode[]
  /** Options of the automatic generator, for 'auto'. */
  generator?: Partial<GeneratorOptions>
  /** At which scale the prompted model sees images; whole images if absent. */
  scale?: ScaleSettings
  /** Ends a prediction between two passes of the decoder. */
  signal?: AbortSignal
}

/** Records the model with the adapter that is attached now. Closing it frees what was recorded, not the model. */
export async function openModelSegmenter(
  model: SamModel,
  { prompts, generator: settings, scale, signal }: ModelSegmenterOptions,
): Promise<OpenSegmenter> {
  const prompted = prompts.some((prompt) => prompt !== 'auto')
  const predictor = prompted ? await Predictor.create(model, { slots: EVALUATION_SLOTS }) : null
  const generator = prompts.includes('auto') ? await MaskGenerator.create(model, settings) : null
  return {
    encode: async () => {},
    ...(predictor && predictorSegmenter(predictor, scale, signal)),
    automatic: generator ? (sample) => findMasks(generator, sample, signal) : undefined,
    close() {
      predictor?.destroy()
      generator?.destroy()
    },
  }
}

/**
 * Prompts a predictor.
 * @param predictor for one image at a time, with at least EVALUATION_SLOTS `slots`
 */
export function predictorSegmenter(
  predictor: Predictor,
  scale: ScaleSettings = { diameter: 'none' },
  signal?: AbortSignal,
): Segmenter {
  const tiled = new TiledPredictor(predictor)
  return {
    async encode(sample) {
      tiled.forget()
      tiled.encode(sample)
      await predictor.model.engine.idle()
    },
    // the labels decide nothing but the prompts: the scale is estimated from these, or from their answers
    async prompted(sample, instances, kind) {
      const prompts = instances.map((instance) => promptOf(instance, kind))
      const { masks, view } = await tiled.predictAtScale(sample, prompts, scale, { signal })
      return { masks: masks.map(([{ mask }]) => mask), scores: masks.map(([{ predictedIou }]) => predictedIou), view }
    },
  }
}

const promptOf = ({ point: [x, y], x0, y0, x1, y1 }: Instance, kind: EvaluationPrompt): ImagePrompt =>
  kind === 'point' ? { points: [{ x, y, foreground: true }], box: null } : { points: [], box: [x0, y0, x1, y1] }

async function findMasks(generator: MaskGenerator, image: Sample, signal?: AbortSignal): Promise<Proposed> {
  const set = await generator.candidates(image, { signal })
  const kept = filterCandidates(set, generator.options).kept.map((i) => set.candidates[i])
  const { inputSize } = generator.model
  const { tileSize, tileHalo } = generator.options
  const whole = wholeView(image, inputSize)
  const view = tileSize
    ? { ...whole, tileSize, tileHalo, tiles: tileCount(image, tileSize, tileHalo), magnification: inputSize / tileSize }
    : whole
  return { masks: kept.map(({ mask }) => mask), scores: kept.map(({ predictedIou }) => predictedIou), view }
}
