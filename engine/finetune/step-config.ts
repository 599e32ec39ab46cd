/** @file The settings of the training step that a recipe asks for. */
import type { Recomputation } from '../sam/recomputation'
import type { StepConfig } from '../train/training-step'
import { slotsOf } from './examples'
import type { StepRecipe } from './recipe'

/** @param frozen the number of encoder parts that the step does not contain */
export function stepConfig(recipe: StepRecipe, microBatch: number, recompute: Recomputation, frozen = 0): StepConfig {
  const { prompts, loss, optimizer, storage, average } = recipe
  const { algorithm, beta1, beta2, eps, weightDecay, maxNorm } = optimizer
  return {
    microBatch,
    prompts: prompts.count,
    slots: slotsOf(recipe),
    loss: { ...loss, head: recipe.head.weight },
    optimizer: { algorithm, betas: [beta1, beta2], eps, weightDecay, maxNorm, average },
    frozen,
    weighted: loss.small > 0,
    inputs: 'bytes',
    recompute,
    storage,
  }
}
