/** @file Trained parameters as an adapter: the engine keeps those of q, k and v together, an adapter has a pair for each. */
import { fromHeadLayout, type HeadTensor, isHeadTensor } from '../sam/prompt-head'
import type { Adapter, AnyAdapter, Difference, FullAdapter, LoraPair } from './adapter'
import type { AdaptedLayer } from './lora'
import type { ParameterState } from './parameters'

/** What was trained on which model. */
interface NamedRecipe {
  /** The base model's name or path; null if it is not known. */
  model: string | null
  lora: { kind: 'lora' | 'full'; rank: number; alpha: number | null; rslora: boolean }
}

/** The parameters of LoRA (`PATH.lora_A`, `PATH.lora_B`) or of full tuning (`PATH.delta`) as an adapter. */
export const toAdapter = (
  recipe: NamedRecipe,
  layers: readonly AdaptedLayer[],
  parameters: readonly ParameterState[],
): AnyAdapter => (recipe.lora.kind === 'full' ? toDifferences : toLora)(recipe, layers, parameters)

/** Splits the LoRA matrices, which the engine stores concatenated for all parts of a layer (q, k, v), into one pair per part. */
function toLora(
  { lora, model }: NamedRecipe,
  layers: readonly AdaptedLayer[],
  parameters: readonly ParameterState[],
): Adapter {
  const { rank, alpha, rslora } = lora
  const byName = new Map(parameters.map((p) => [p.name, p]))
  const targets = new Map<string, LoraPair>()
  for (const { path, parts } of layers) {
    const [a, b] = ['lora_A', 'lora_B'].map((matrix) => byName.get(`${path}.${matrix}`)!)
    const inDim = a.shape[1]
    let row = 0
    parts.forEach(({ name, start, end }, i) => {
      const outDim = end - start
      const A = a.values.slice(i * rank * inDim, (i + 1) * rank * inDim)
      const B = b.values.slice(row * rank, (row + outDim) * rank)
      targets.set(name, { A, B, r: rank, inDim, outDim })
      row += outDim
    })
  }
  const base = { base_model_name_or_path: model }
  return { config: { r: rank, lora_alpha: alpha ?? rank, use_rslora: rslora, ...base }, tensors: { targets } }
}

/** Splits the weight differences of a fully tuned run by layer part: each part's rows. */
export function toDifferences(
  { model }: Pick<NamedRecipe, 'model'>,
  layers: readonly AdaptedLayer[],
  parameters: readonly ParameterState[],
): FullAdapter {
  const byName = new Map(parameters.map((p) => [p.name, p]))
  const differences = new Map<string, Difference>()
  for (const { path, parts } of layers) {
    const { values, shape } = byName.get(`${path}.delta`)!
    const inDim = shape[1]
    let row = 0
    for (const { name, start, end } of parts) {
      const outDim = end - start
      differences.set(name, { D: values.slice(row * inDim, (row + outDim) * inDim), inDim, outDim })
      row += outDim
    }
  }
  return { config: { base_model_name_or_path: model }, differences }
}

/** The prompt head among the parameters, as its file lays it out; none if no head trains. */
export const headOf = (parameters: readonly ParameterState[]): HeadTensor[] =>
  parameters
    .filter(({ name }) => isHeadTensor(name))
    .map(({ name, shape, values }) => fromHeadLayout({ name, shape: [...shape], data: values }))

/** The parameters that are exported: their moving average, if there is one. */
export const averaged = (states: readonly ParameterState[]): ParameterState[] =>
  states.map(({ average, ...state }) => (average ? { ...state, values: average } : state))
