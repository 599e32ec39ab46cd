/** @file Recomputes a golden file: every output that it holds, from its own inputs, on this machine's adapter. */
import type { Engine } from '../../engine/device/engine'
import type { GoldenFile, NamedTensor, Put } from './golden-file'
import { runLora } from './lora-gradients'
import { runPlain } from './model-outputs'

export { type GoldenFile, type NamedTensor, openGolden } from './golden-file'
export { relativeError } from './relative-error'

/** Computes what the file holds of `embedding`, `points.*`, `boxes.*`, `all.*`, `lora.*` and `*.grad`. */
export async function computeGolden(engine: Engine, golden: GoldenFile): Promise<Map<string, NamedTensor>> {
  const out = new Map<string, NamedTensor>()
  const wants = (name: string) => golden.tensors.has(name)
  const put: Put = (name, shape, data) => void (wants(name) && out.set(name, { shape, data }))
  const kinds = ['points', 'boxes', 'all'].filter((k) => wants(`${k}.masks`) || wants(`${k}.iou`))
  if (kinds.length || wants('embedding')) await runPlain(golden, kinds, put)
  if (wants('target')) await runLora(engine, golden, put)
  return out
}
