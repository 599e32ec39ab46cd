/** @file Writes a run's parameters as an adapter in PEFT's file format, or, for full tuning, as differences from the base. */
import { fromHeadLayout, type HeadTensor, isHeadTensor } from '../../engine/sam/prompt-head'
import type { AdaptedLayer } from '../../engine/train/lora'
import type { ParameterState } from '../../engine/train/parameters'
import { type Adapter, type LoraPair, writeAdapter } from '../weights/peft'
import { type Difference, type FullAdapter, writeFull } from '../weights/full-adapter'
import { writePromptHead } from '../weights/prompt-head-file'
import { updateAdapterProfile } from '../weights/adapter-profile'
import { inputSize } from '../../engine/finetune/recipe'
import type { TrainConfig } from './config'

/** Splits the LoRA matrices, which the engine stores concatenated for all parts of a layer (q, k, v), into one pair per part. */
function toAdapter(
  config: TrainConfig,
  layers: readonly AdaptedLayer[],
  parameters: readonly ParameterState[],
): Adapter {
  const { rank, alpha, rslora } = config.lora
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
  const base = { base_model_name_or_path: config.model }
  return { config: { r: rank, lora_alpha: alpha ?? rank, use_rslora: rslora, ...base }, tensors: { targets } }
}

/** Splits the weight differences of a fully tuned run by layer part: each part's rows. */
export function toDifferences(
  config: TrainConfig,
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
  return { config: { base_model_name_or_path: config.model }, differences }
}

/** The prompt head among the parameters, as its file lays it out; none if no head trains. */
const headOf = (parameters: readonly ParameterState[]): HeadTensor[] =>
  parameters
    .filter(({ name }) => isHeadTensor(name))
    .map(({ name, shape, values }) => fromHeadLayout({ name, shape: [...shape], data: values }))

/** Writes the adapter files into a folder, with the prompt head if one trains. */
export async function exportAdapter(
  folder: string,
  config: TrainConfig,
  layers: readonly AdaptedLayer[],
  parameters: readonly ParameterState[],
): Promise<void> {
  if (config.lora.kind === 'full') await writeFull(folder, toDifferences(config, layers, parameters))
  else await writeAdapter(folder, toAdapter(config, layers, parameters))
  await writePromptHead(folder, headOf(parameters))
  // what was found for an earlier checkpoint does not fit these matrices
  const none = { thresholds: undefined, calibration: undefined, strength: undefined }
  await updateAdapterProfile(folder, { size: inputSize(config), ...none })
}
