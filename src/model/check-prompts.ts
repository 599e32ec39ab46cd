/** @file Checks that a model can find the prompts that its generator is to use. */
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import type { SamModel } from '../../engine/sam/sam-model'
import { UserError } from '../host/errors'

/**
 * @param name of the model with its adapter, for the message
 * @throws UserError if prompts are to be learned and neither the model nor the adapter that is attached has a prompt head
 */
export function checkPrompts(model: SamModel, { prompts }: Partial<GeneratorOptions>, name: string): void {
  if (prompts === 'learned' && !model.promptHead)
    throw new UserError(
      `${name} has no prompt head, which --prompts learned needs: use an adapter that was trained with one, or --prompts grid`,
    )
}
