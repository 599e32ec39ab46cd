/**
 * @file Fully fine-tuned matrices as an adapter folder with PEFT's two files, adapter_config.json and
 * adapter_model.safetensors, and one difference from the base model's weights for each matrix. PEFT itself does not
 * know this kind and rejects its peft_type.
 */
import { join } from 'node:path'
import * as v from 'valibot'
import { type Difference, type FullAdapter, partOf } from '../../engine/train/adapter'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { CONFIG, PREFIX, readJson, TENSORS } from './adapter-files'
import { openSafetensors } from './safetensors'
import { writeSafetensors } from './safetensors-writer'
import { shapeText } from './tensor-file'
import { problemOf } from '../text/check-value'

/** The peft_type of such adapters. */
const FULL = 'FULL_DIFFERENCE'

const SUFFIX = '.difference.weight'
const configSchema = v.object({
  peft_type: v.literal(FULL),
  base_model_name_or_path: v.nullish(v.string()),
})

/** Writes the two files into a folder. */
export async function writeFull(folder: string, { config, differences }: FullAdapter): Promise<void> {
  const modules: string[] = []
  const entries = [...differences].map(([target, { D, inDim, outDim }]) => {
    const part = partOf(target)
    const path = part ? `${part.layer}.${part.part}` : target
    modules.push(path)
    return { name: `${PREFIX}${path}${SUFFIX}`, shape: [outDim, inDim], data: D }
  })
  await writeSafetensors(join(folder, TENSORS), entries, { format: 'pt' })
  const json = { peft_type: FULL, task_type: null, ...config, inference_mode: true, target_modules: modules }
  await writeFileAtomic(join(folder, CONFIG), `${JSON.stringify(json, null, 2)}\n`)
}

/** @throws UserError that names the file and the tensor */
export async function readFull(folder: string): Promise<FullAdapter> {
  const configPath = join(folder, CONFIG)
  const checked = v.safeParse(configSchema, await readJson(configPath))
  if (!checked.success) {
    throw new UserError(`${configPath}: ${problemOf(checked.issues[0])}`)
  }
  const path = join(folder, TENSORS)
  const file = await openSafetensors(path)
  try {
    const differences = new Map<string, Difference>()
    for (const { name, shape, read } of file.tensors.values()) {
      if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX))
        throw new UserError(`${path}: tensor ${name} is not the difference of a linear layer`)
      if (shape.length !== 2) throw new UserError(`${path}: ${name} ${shapeText(shape)} is no matrix`)
      const D = await read()
      if (!D.every(Number.isFinite)) throw new UserError(`${path}: tensor ${name} holds numbers that are not finite`)
      const module = name.slice(PREFIX.length, -SUFFIX.length)
      differences.set(module.replace(/\.qkv\.([qkv])$/, '.$1'), { D, outDim: shape[0], inDim: shape[1] })
    }
    if (!differences.size) throw new UserError(`${path}: it holds no differences`)
    return { config: { base_model_name_or_path: checked.output.base_model_name_or_path ?? null }, differences }
  } finally {
    await file.close()
  }
}

/** True if a folder's configuration says that it holds differences; false if it cannot be read. */
export async function isFull(folder: string): Promise<boolean> {
  const json = await readJson(join(folder, CONFIG)).catch(() => null)
  return (json as { peft_type?: unknown } | null)?.peft_type === FULL
}
