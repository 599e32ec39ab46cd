/** @file A model as a segmenter: it predicts a mask from each prompt, and its generator finds masks automatically. */
import { filterCandidates } from '../../engine/generate/filter'
import { MaskGenerator } from '../../engine/generate/generator'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { scaleBox, scalePoint } from '../../engine/image/model-input'
import { MaskScaler } from '../../engine/masks/mask-scaler'
import type { Mask } from '../../engine/masks/mask'
import { MASK_TOKENS } from '../../engine/sam/mask-decoder'
import { checkFinite, chooseToken, tokenLogits } from '../../engine/sam/mask-tokens'
import { Predictor } from '../../engine/sam/predictor'
import { promptLabel } from '../../engine/sam/prompt-labels'
import type { SamModel } from '../../engine/sam/sam-model'
import type { Instance } from '../dataset/instances'
import type { Sample } from '../dataset/sample'
import type { EvaluationPrompt, OpenSegmenter, PromptMode, Proposed, Segmenter } from './segmenter'

/** Entries per prompt of an evaluation: a point and its padding, or two corners. */
export const EVALUATION_SLOTS = 2

export interface ModelSegmenterOptions {
  prompts: readonly PromptMode[]
  /** Options of the automatic generator, for 'auto'. */
  generator?: Partial<GeneratorOptions>
  /** Ends a prediction between two passes of the decoder. */
  signal?: AbortSignal
}

/** Records the model with the adapter that is attached now. Closing it frees what was recorded, not the model. */
export async function openModelSegmenter(
  model: SamModel,
  { prompts, generator: settings, signal }: ModelSegmenterOptions,
): Promise<OpenSegmenter> {
  const prompted = prompts.some((prompt) => prompt !== 'auto')
  const predictor = prompted ? await Predictor.create(model, { slots: EVALUATION_SLOTS }) : null
  const generator = prompts.includes('auto') ? await MaskGenerator.create(model, settings) : null
  return {
    encode: async () => {},
    ...(predictor && predictorSegmenter(predictor, signal)),
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
export const predictorSegmenter = (predictor: Predictor, signal?: AbortSignal): Segmenter => ({
  async encode(sample) {
    predictor.setImage(sample)
    await predictor.model.engine.idle()
  },
  prompted: (sample, instances, prompt) => predictMasks(predictor, sample, instances, prompt, signal),
})

async function predictMasks(
  predictor: Predictor,
  sample: Sample,
  chosen: readonly Instance[],
  prompt: EvaluationPrompt,
  signal?: AbortSignal,
): Promise<Proposed> {
  const { model, slots, prompts: chunk } = predictor
  const scaler = new MaskScaler(model.maskSide, model.inputSize, sample)
  const masks: Mask[] = []
  const scores: number[] = []
  for (let start = 0; start < chosen.length; start += chunk) {
    signal?.throwIfAborted()
    const part = chosen.slice(start, start + chunk)
    const coords = new Float32Array(part.length * slots * 2)
    const labels = new Int32Array(part.length * slots).fill(promptLabel.absent)
    part.forEach(({ point, x0, y0, x1, y1 }, i) => {
      const at = i * slots
      if (prompt === 'point') {
        coords.set(scalePoint(point, sample, model.inputSize), 2 * at)
        labels.set([promptLabel.foreground, promptLabel.padding], at)
      } else {
        coords.set(scaleBox([x0, y0, x1, y1], sample, model.inputSize), 2 * at)
        labels.set([promptLabel.boxStart, promptLabel.boxEnd], at)
      }
    })
    const prediction = await predictor.predict({ coords, labels })
    checkFinite(prediction)
    part.forEach((_, i) => {
      const token = chooseToken(prediction, i, prompt === 'point')
      masks.push(scaler.mask(tokenLogits(prediction, i, token)))
      scores.push(prediction.iou[MASK_TOKENS * i + token])
    })
  }
  return { masks, scores }
}

async function findMasks(generator: MaskGenerator, image: Sample, signal?: AbortSignal): Promise<Proposed> {
  const set = await generator.candidates(image, { signal })
  const kept = filterCandidates(set, generator.options).kept.map((i) => set.candidates[i])
  return { masks: kept.map(({ mask }) => mask), scores: kept.map(({ predictedIou }) => predictedIou) }
}
