/** @file A model as a segmenter: it predicts a mask from each prompt, and its generator finds masks automatically. */
import { candidatesAtScale, nextImage } from '../../engine/generate/at-scale'
import { filterCandidates } from '../../engine/generate/filter'
import { type GenerateHooks, MaskGenerator } from '../../engine/generate/generator'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { Predictor } from '../../engine/sam/predictor'
import type { ImagePrompt } from '../../engine/sam/prompt-masks'
import type { SamModel } from '../../engine/sam/sam-model'
import type { ScaleSettings } from '../../engine/scale/scale-settings'
import { TiledPredictor } from '../../engine/scale/tiled-predictor'
import type { DatasetItem } from '../dataset/dataset'
import type { Instance } from '../../engine/masks/instances'
import type { Sample } from '../../engine/image/sample'
import { correctMasks } from './simulated-corrections'
import type { EvaluationPrompt, OpenSegmenter, PromptMode, Proposed, Segmenter } from './segmenter'

/** Entries per prompt of an evaluation: a point and its padding, or two corners. */
export const EVALUATION_SLOTS = 2

/** Clicks that correct a mask, if their number is not given: with the first point three in all. */
export const DEFAULT_CORRECTIONS = 2

/** The scale for one image. */
export type ScaleOf = (item: DatasetItem) => ScaleSettings

const whole: ScaleSettings = { diameter: 'none' }

export interface ModelSegmenterOptions {
  prompts: readonly PromptMode[]
  /** Clicks that correct each mask, for 'corrected'; DEFAULT_CORRECTIONS by default. */
  corrections?: number
  /** Options of the automatic generator, for 'auto'. */
  generator?: Partial<GeneratorOptions>
  /** At which scale the model sees an image; whole images if absent. */
  scaleOf?: ScaleOf
  /** Ends a prediction between two passes of the decoder. */
  signal?: AbortSignal
}

/**
 * Records the model with the adapter that is attached now. Closing it frees what was recorded, not the model.
 * @example
 * const segmenter = await openModelSegmenter(model, { prompts: ['box'] })
 * segmenter.close()
 */
export async function openModelSegmenter(
  model: SamModel,
  { prompts, generator: settings, scaleOf, signal, corrections = DEFAULT_CORRECTIONS }: ModelSegmenterOptions,
): Promise<OpenSegmenter> {
  const prompted = prompts.some((prompt) => prompt !== 'auto')
  const corrects = prompts.includes('corrected')
  const slots = EVALUATION_SLOTS + (corrects ? corrections : 0)
  const predictor = prompted ? await Predictor.create(model, { slots }) : null
  const masked = corrects ? await predictor!.withMasks() : null
  const generator = prompts.includes('auto') ? await MaskGenerator.create(model, settings) : null
  return {
    encode: async () => {},
    ...(predictor && predictorSegmenter(predictor, scaleOf, signal, masked && { masked, corrections })),
    automatic: generator
      ? (sample, item, next) => {
          const ahead = () => {
            const coming = next?.()
            return coming ? nextImage(generator, coming.sample, scaleOf?.(coming.item) ?? whole) : null
          }
          return findMasks(generator, sample, scaleOf?.(item), { signal, next: ahead })
        }
      : undefined,
    close() {
      masked?.destroy()
      predictor?.destroy()
      generator?.destroy()
    },
  }
}

/** What 'corrected' needs: a predictor that decodes prompts with masks, with a slot more for each correction. */
interface Correcting {
  masked: Predictor
  corrections: number
}

/**
 * Prompts a predictor.
 * @param predictor for one image at a time, with at least EVALUATION_SLOTS `slots`
 * @param correcting null if the prompt 'corrected' is not asked for
 */
export function predictorSegmenter(
  predictor: Predictor,
  scaleOf: ScaleOf = () => whole,
  signal?: AbortSignal,
  correcting: Correcting | null = null,
): Segmenter {
  const tiled = new TiledPredictor(predictor, correcting?.masked, { keepParts: !!correcting })
  return {
    async encode(sample) {
      tiled.forget()
      tiled.encode(sample)
      await predictor.model.engine.idle()
    },
    // the labels decide nothing but the prompts: the scale is estimated from these, or from their answers
    async prompted(sample, instances, kind, item) {
      const scale = scaleOf(item)
      const prompts = instances.map((instance) => promptOf(instance, kind))
      const { masks, view } = await tiled.predictAtScale(sample, prompts, scale, { signal })
      let found = masks.map(([best]) => best)
      if (kind === 'corrected') {
        const labels = { ...sample, data: sample.labels }
        found = await correctMasks(labels, instances, prompts, found, correcting!.corrections, async (corrected) =>
          (await tiled.refine(sample, corrected, view, scale, { signal })).map(([best]) => best),
        )
      }
      return { masks: found.map(({ mask }) => mask), scores: found.map(({ predictedIou }) => predictedIou), view }
    },
  }
}

const promptOf = ({ point: [x, y], x0, y0, x1, y1 }: Instance, kind: EvaluationPrompt): ImagePrompt =>
  kind === 'box' ? { points: [], box: [x0, y0, x1, y1] } : { points: [{ x, y, foreground: true }], box: null }

async function findMasks(
  generator: MaskGenerator,
  image: Sample,
  scale: ScaleSettings = whole,
  hooks: GenerateHooks = {},
): Promise<Proposed> {
  const { set, view } = await candidatesAtScale(generator, image, scale, hooks)
  const kept = filterCandidates(set, generator.options).kept.map((i) => set.candidates[i])
  return { masks: kept.map(({ mask }) => mask), scores: kept.map(({ predictedIou }) => predictedIou), view }
}
