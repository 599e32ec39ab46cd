/**
 * @file Fully fine-tuned matrices as an adapter folder with PEFT's two files, adapter_config.json and
 * adapter_model.safetensors, and one difference from the base model's weights for each matrix. PEFT itself does not
 * know this kind and rejects its peft_type. It runs in any host.
 */
import * as v from 'valibot'
import { type Difference, type FullAdapter, partOf } from '../../engine/train/adapter'
import { UserError } from '../host/errors'
import { type AdapterFiles, type AdapterParts, CONFIG, jsonText, PREFIX, readJson, TENSORS } from './adapter-files'
import { openSafetensorsSource } from './safetensors-source'
import { shapeText } from './tensor-file'
import { problemOf } from '../text/check-value'

/** The peft_type of such adapters. */
const FULL = 'FULL_DIFFERENCE'

const SUFFIX = '.difference.weight'
const configSchema = v.object({
  peft_type: v.literal(FULL),
  base_model_name_or_path: v.nullish(v.string()),
})

/** What the two files contain. */
export function fullParts({ config, differences }: FullAdapter): AdapterParts {
  const modules: string[] = []
  const tensors = [...differences].map(([target, { D, inDim, outDim }]) => {
    const part = partOf(target)
    const path = part ? `${part.layer}.${part.part}` : target
    modules.push(path)
    return { name: `${PREFIX}${path}${SUFFIX}`, shape: [outDim, inDim], data: D }
  })
  const json = { peft_type: FULL, task_type: null, ...config, inference_mode: true, target_modules: modules }
  return { tensors, metadata: { format: 'pt' }, config: jsonText(json) }
}

/** @throws UserError that names the file and the tensor */
export async function readFull(files: AdapterFiles): Promise<FullAdapter> {
  const checked = v.safeParse(configSchema, await readJson(files, CONFIG))
  if (!checked.success) {
    throw new UserError(`${files.where(CONFIG)}: ${problemOf(checked.issues[0])}`)
  }
  const path = files.where(TENSORS)
  const file = await openSafetensorsSource(await files.open(TENSORS))
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

/** True if an adapter's configuration says that it holds differences; false if it cannot be read. */
export async function isFull(files: AdapterFiles): Promise<boolean> {
  const json = await readJson(files, CONFIG).catch(() => null)
  return (json as { peft_type?: unknown } | null)?.peft_type === FULL
}
