/** @file A run's parameters as an adapter in PEFT's files. */
import type { LoraLayer } from '../../engine/train/lora'
import type { ParameterState } from '../../engine/train/parameters'
import { type Adapter, type LoraPair, writeAdapter } from '../weights/peft'
import type { TrainConfig } from './config'

/** What the engine keeps in one matrix for all parts of a layer, part by part. */
export function toAdapter(
  config: TrainConfig,
  layers: readonly LoraLayer[],
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

export const exportAdapter = (
  folder: string,
  config: TrainConfig,
  layers: readonly LoraLayer[],
  parameters: readonly ParameterState[],
): Promise<void> => writeAdapter(folder, toAdapter(config, layers, parameters))
