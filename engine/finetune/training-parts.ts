/** @file What a training holds on the GPU, and its settings with those of the adapter that it begins with. */
import { recomputeNothing } from '../sam/recomputation'
import type { SamModel } from '../sam/sam-model'
import { SettingError } from '../setting-error'
import { TrainingStep } from '../train/training-step'
import { type Adaptation, openAdaptation } from './adaptation'
import type { Batches } from './batches'
import { checkRecipe, recipeOptions } from './check-recipe'
import { FeatureCache, FrozenEncoder } from './feature-cache'
import { validatedInstances } from './measuring-effort'
import type { InThread } from './preparation'
import type { Recipe } from './recipe'
import type { LabelledImage } from './samples'
import { adapterSettings, nameOf, sameLora, startWith, usualHead } from './starting-values'
import { stepConfig } from './step-config'
import type { TrainOptions } from './train-options'
import { Validator } from './validator'

/** What a training holds on the GPU, and the batches that are being prepared. */
export interface TrainingParts {
  adaptation: Adaptation
  /** Null when it is no longer needed. */
  step: TrainingStep | null
  frozen: FrozenEncoder | null
  validator: Validator | null
  preparation: InThread<LabelledImage> | null
  batches: Batches<LabelledImage> | null
}

/** Attaches an adapter to the model and records the training step. Whatever fails, all is freed. */
export async function openParts(
  model: SamModel,
  recipe: Recipe,
  { microBatch = 1, recompute = recomputeNothing, from }: TrainOptions,
  validated: readonly LabelledImage[],
): Promise<TrainingParts> {
  const parts: Partial<TrainingParts> = {}
  try {
    parts.adaptation = await openAdaptation(model, recipe, { start: from && startWith(from) })
    parts.frozen = await FrozenEncoder.open(model, recipe, new FeatureCache())
    const settings = stepConfig(recipe, microBatch, recompute, parts.frozen?.parts)
    parts.step = await TrainingStep.create(model, parts.adaptation.parameters, settings, parts.adaptation.record)
    const maxInstances = validatedInstances(model.engine.software)
    parts.validator =
      validated.length && recipe.validation.every
        ? await Validator.open(model, parts.adaptation, validated, { maxInstances, seed: recipe.seed })
        : null
    return { preparation: null, batches: null, ...(parts as Omit<TrainingParts, 'preparation' | 'batches'>) }
  } catch (error) {
    releaseParts(parts)
    throw error
  }
}

/** Frees all. */
export function releaseParts({
  adaptation,
  step,
  frozen,
  validator,
  preparation,
  batches,
}: Partial<TrainingParts>): void {
  batches?.close()
  void preparation?.close()
  validator?.destroy()
  step?.destroy()
  frozen?.destroy()
  adaptation?.release()
}

/** Frees what only steps need; parameters and adapter stay. */
export function releaseStep(parts: TrainingParts): void {
  parts.batches?.close()
  parts.validator?.destroy()
  parts.step?.destroy()
  parts.frozen?.destroy()
  Object.assign(parts, { batches: null, validator: null, step: null, frozen: null })
}

/**
 * All settings of a training; those that the adapter to begin with decides are taken from it.
 * @throws SettingError if a setting is wrong or contradicts the adapter
 */
export function recipeOf(model: SamModel, options: TrainOptions): Recipe {
  const { from } = options
  const given = recipeOptions(options)
  if (!from) return checkRecipe(given, model.inputSize)
  const own = adapterSettings(from, model.linears.keys())
  const wrong = Object.entries(given.lora ?? {}).find(
    ([key, value]) =>
      key in own && value !== undefined && !sameLora(key, value, own[key as keyof typeof own], own.rank),
  )
  if (wrong)
    throw new SettingError(
      `lora.${wrong[0]} is ${JSON.stringify(own[wrong[0] as keyof typeof own])} in ${nameOf(from)}, with which the training begins: leave it out`,
    )
  const recipe = checkRecipe({ ...given, lora: { ...given.lora, ...own } }, model.inputSize)
  if (recipe.head.weight > 0 && !usualHead(from.head ?? [], model.architecture.outChannels))
    throw new SettingError(
      `${nameOf(from)} has a prompt head of other widths than those that wgsam trains: leave it out, with \`head: []\``,
    )
  return recipe
}
