/** @file Adapter folders for tests. */
import { join } from 'node:path'
import type { SamModel } from '../../engine/sam/sam-model'
import { loraLayers, type LoraConfig } from '../../engine/train/lora'
import { Rng } from '../../engine/rng'
import { type LoraPair } from '../../engine/train/adapter'
import { writeAdapter } from '../../src/weights/peft'
import { scratch } from './files'

/** Writes a random adapter, whose B is not zero, and returns its folder. */
export async function writeRandom(model: SamModel, config: LoraConfig, name: string): Promise<string> {
  const rng = new Rng(11)
  const targets = new Map<string, LoraPair>()
  for (const { linear, parts } of loraLayers(model, config))
    for (const part of parts) {
      const [inDim, outDim] = [linear.weight.shape[1], part.end - part.start]
      const values = (length: number) => Float32Array.from({ length }, () => rng.range(-0.2, 0.2))
      const pair = { r: config.rank, inDim, outDim, A: values(config.rank * inDim), B: values(outDim * config.rank) }
      targets.set(part.name, pair)
    }
  const folder = join(scratch(), 'adapter')
  const { rank: r, alpha: lora_alpha, rslora: use_rslora } = config
  await writeAdapter(folder, {
    config: { r, lora_alpha, use_rslora, base_model_name_or_path: name },
    tensors: { targets },
  })
  return folder
}
