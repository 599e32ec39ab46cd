/**
 * @file The parameters that train beside a model's frozen weights: LoRA's matrices, or the targets' differences from
 * the base, and the prompt head.
 */
import { elements } from '../device/shape'
import { Graph } from '../graph/graph'
import { Rng } from '../rng'
import { PromptHead } from '../sam/prompt-head'
import type { SamModel } from '../sam/sam-model'
import { SettingError } from '../setting-error'
import { recordExchange } from '../train/adam'
import type { AttachedAdapter } from '../train/attached-adapter'
import { attachFull, fullSpecs } from '../train/full-tuning'
import { type AdaptedLayer, attachLora, type LoraConfig, loraLayers, loraSpecs } from '../train/lora'
import { ParameterSet, type ParameterSpec } from '../train/parameters'
import { promptHeadSpecs } from '../train/prompt-head-parameters'
import type { AdapterRecipe } from './recipe'

export interface Adaptation {
  layers: AdaptedLayer[]
  parameters: ParameterSet
  /** The number of the adapter's parameters: all but those of the prompt head. */
  adapterParameters: number
  /** Records the update of the model's weights that must follow every change of the parameters. */
  record(g: Graph): void
  /** Submits the same at once, after the host has written the parameters. */
  refresh(): void
  /**
   * Runs something while the parameters have the values of their moving average, if they have one. What trains must not
   * run meanwhile.
   */
  withAverage<T>(use: () => Promise<T>): Promise<T>
  /** Detaches the adapter and frees it and the parameters. */
  release(): void
}

/** The engine's LoRA configuration of a run; alpha is the rank by default. */
export const loraConfig = ({ lora }: Pick<AdapterRecipe, 'lora'>): LoraConfig => ({
  ...lora,
  alpha: lora.alpha ?? lora.rank,
})

export interface AdaptationOptions {
  /** All values are zero, which saves the time for random numbers when only memory is planned. */
  zero?: boolean
  /** Puts other values in the place of the initial ones. */
  start?: ((specs: readonly ParameterSpec[], layers: readonly AdaptedLayer[]) => ParameterSpec[]) | null
}

/**
 * Attaches a new adapter to the model, as the recipe says.
 * @throws SettingError if the recipe adapts no layer of the model, or a parameter exceeds the largest binding
 */
export async function openAdaptation(
  model: SamModel,
  recipe: AdapterRecipe,
  options: AdaptationOptions = {},
): Promise<Adaptation> {
  const attached = await attach(model, recipe, options)
  const { parameters, refresh } = attached
  if (!parameters.averaged) return { ...attached, withAverage: (use) => use() }
  const g = new Graph(model.engine)
  recordExchange(g, parameters)
  const program = await g.compile()
  const exchange = () => (program.run(), refresh())
  return {
    ...attached,
    async withAverage(use) {
      exchange()
      try {
        return await use()
      } finally {
        exchange()
      }
    },
    release: () => (program.destroy(), attached.release()),
  }
}

async function attach(
  model: SamModel,
  recipe: AdapterRecipe,
  { zero = false, start = null }: AdaptationOptions,
): Promise<Omit<Adaptation, 'withAverage'>> {
  const lora = loraConfig(recipe)
  const { engine } = model
  const { promptHead: earlier } = model
  const layers = asSetting(() => loraLayers(model, lora))
  const rate = recipe.head.learningRate / recipe.optimizer.learningRate
  const head =
    recipe.head.weight > 0 ? await promptHeadSpecs(model, zero ? null : new Rng(recipe.seed, 0x4ead), rate) : []
  const trained = (specs: ParameterSpec[]) => {
    const fresh = [...specs, ...head]
    const all = start ? start(fresh, layers) : fresh
    const parameters = asSetting(() => new ParameterSet(engine, all, engine.maxBinding, recipe.average > 0))
    if (head.length) model.promptHead = new PromptHead((name) => parameters.get(name))
    return parameters
  }
  const release = (adapter: AttachedAdapter, parameters: ParameterSet) => {
    model.promptHead = earlier
    adapter.release()
    parameters.release()
  }
  const headParameters = head.reduce((sum, { shape }) => sum + elements(shape), 0)
  const counted = (parameters: ParameterSet) => ({ parameters, adapterParameters: parameters.count - headParameters })
  if (recipe.lora.kind === 'full') {
    const parameters = trained(fullSpecs(layers))
    const { adapter, record, refresh } = await attachFull(engine, layers, (name) => parameters.get(name))
    return { layers, ...counted(parameters), record, refresh, release: () => release(adapter, parameters) }
  }
  const random = zero ? null : new Rng(recipe.seed, 0x10a)
  const parameters = trained(loraSpecs(layers, lora.rank, random))
  const adapter = attachLora(layers, lora, (name) => parameters.get(name))
  return { layers, ...counted(parameters), record() {}, refresh() {}, release: () => release(adapter, parameters) }
}

/** Reports errors of the engine that are mistakes in the recipe. */
function asSetting<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new SettingError(error instanceof Error ? error.message : String(error))
  }
}
