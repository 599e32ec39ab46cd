/** @file Recomputes all outputs of a golden file from its inputs, on the GPU of any host. */
import type { Engine } from '../../engine/device/engine'
import type { GoldenFile, NamedTensor, Put } from './golden-file'
import { computeLoraGradients } from './lora-gradients'
import { computeModelOutputs } from './model-outputs'

/** Computes those of `embedding`, `points.*`, `boxes.*`, `all.*`, `lora.*` and `*.grad` that the golden file contains. */
export async function computeGolden(engine: Engine, golden: GoldenFile): Promise<Map<string, NamedTensor>> {
  const out = new Map<string, NamedTensor>()
  const wants = (name: string) => golden.tensors.has(name)
  const put: Put = (name, shape, data) => void (wants(name) && out.set(name, { shape, data }))
  const kinds = ['points', 'boxes', 'all'].filter((k) => wants(`${k}.masks`) || wants(`${k}.iou`))
  if (kinds.length || wants('embedding')) await computeModelOutputs(golden, kinds, put)
  if (wants('target')) await computeLoraGradients(engine, golden, put)
  return out
}
