/** @file The parameters of a prompt head that trains. */
import type { Rng } from '../rng'
import { newPromptHead, toHeadLayout } from '../sam/prompt-head'
import type { SamModel } from '../sam/sam-model'
import type { ParameterSpec } from './parameters'

/**
 * The values of the model's own prompt head, if it has one, else those of a new one: random, or zero if `rng` is null. The
 * parameters are to be used by `new PromptHead((name) => parameters.get(name))`.
 * @param rate its learning rate as a multiple of the optimiser's
 * @example
 * const parameters = new ParameterSet(engine, await promptHeadSpecs(model, new Rng(1)))
 * model.promptHead = new PromptHead((name) => parameters.get(name))
 */
export async function promptHeadSpecs(
  { engine, promptHead, architecture }: Pick<SamModel, 'engine' | 'promptHead' | 'architecture'>,
  rng: Rng | null,
  rate = 1,
): Promise<ParameterSpec[]> {
  if (!promptHead)
    return newPromptHead(architecture.outChannels, rng)
      .map(toHeadLayout)
      .map(({ name, shape, data }) => ({ name, shape, init: data, decays: false, rate }))
  const specs: ParameterSpec[] = []
  for (const [name, tensor] of promptHead.tensors)
    specs.push({ name, shape: tensor.shape, init: await engine.read(tensor), decays: false, rate })
  return specs
}
