/** @file Writes a run's parameters as an adapter in PEFT's file format, or, for full tuning, as differences from the base. */
import { inputSize } from '../../engine/finetune/recipe'
import type { AdaptedLayer } from '../../engine/train/lora'
import type { ParameterState } from '../../engine/train/parameters'
import { headOf, toAdapter } from '../../engine/train/split-adapter'
import { updateAdapterProfile } from '../weights/adapter-profile'
import { writeAnyAdapter } from '../weights/any-adapter'
import { writePromptHead } from '../weights/prompt-head-file'
import type { TrainConfig } from './config'

/** Writes the adapter files into a folder, with the prompt head if one trains. */
export async function exportAdapter(
  folder: string,
  config: TrainConfig,
  layers: readonly AdaptedLayer[],
  parameters: readonly ParameterState[],
): Promise<void> {
  const adapter = toAdapter(config, layers, parameters)
  await writeAnyAdapter(folder, adapter)
  await writePromptHead(folder, headOf(parameters))
  // what was found for an earlier checkpoint does not fit these matrices
  const none = { thresholds: undefined, calibration: undefined, strength: undefined }
  await updateAdapterProfile(folder, { size: inputSize(config), ...none })
}
