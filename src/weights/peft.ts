/**
 * @file Adapters in PEFT's files: adapter_config.json and adapter_model.safetensors. docs/adapters.md has the details.
 */
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { type Adapter, type AdapterConfig, type LoraPair, partOf, readPair } from './adapter'
import { CONFIG, PREFIX, TENSORS } from './adapter-files'
import { fuseQkv, splitQkv } from './fused-qkv'
import { openSafetensors } from './safetensors'
import { type TensorToWrite, writeSafetensors } from './safetensors-writer'
import { readSamed } from './samed'

export type { Adapter, AdapterConfig, AdapterTensors, LoraPair } from './adapter'

/** Key in the tensor file's metadata, because PEFT rejects unknown keys in adapter_config.json. */
const FUSED = 'fused_qkv'

const nothing = v.nullish(
  v.union([
    v.pipe(v.array(v.unknown()), v.maxLength(0)),
    v.pipe(
      v.record(v.string(), v.unknown()),
      v.check((o) => !Object.keys(o).length),
    ),
  ]),
)
const configSchema = v.object({
  peft_type: v.literal('LORA'),
  r: v.pipe(v.number(), v.integer(), v.minValue(1)),
  lora_alpha: v.pipe(
    v.number(),
    v.finite(),
    v.check((x) => x > 0, 'must be above 0'),
  ),
  use_rslora: v.optional(v.boolean(), false),
  base_model_name_or_path: v.nullish(v.string()),
  bias: v.optional(v.literal('none')),
  use_dora: v.optional(v.literal(false)),
  modules_to_save: nothing,
  rank_pattern: nothing,
  alpha_pattern: nothing,
})

/**
 * Writes the two files into a folder. q, k and v of a fused qkv layer are written as modules `PATH.qkv.q` and so on,
 * which PEFT does not know, or, with `fuseQkv`, as one adapter of higher rank on the whole layer, which PEFT loads.
 */
export async function writeAdapter(
  folder: string,
  adapter: Adapter,
  options: { fuseQkv?: boolean } = {},
): Promise<void> {
  const fused = options.fuseQkv ? fuseQkv(adapter) : { adapter, parts: [] }
  const { config, tensors } = fused.adapter
  const modules: string[] = []
  const entries: TensorToWrite[] = []
  for (const [target, pair] of tensors.targets) {
    checkPair(folder, target, pair, config)
    const part = partOf(target)
    const path = part ? `${part.layer}.${part.part}` : target
    modules.push(path)
    entries.push({ name: `${PREFIX}${path}.lora_A.weight`, shape: [pair.r, pair.inDim], data: pair.A })
    entries.push({ name: `${PREFIX}${path}.lora_B.weight`, shape: [pair.outDim, pair.r], data: pair.B })
  }
  const metadata: Record<string, string> = { format: 'pt' }
  if (fused.parts.length) metadata[FUSED] = fused.parts.join(',')
  await writeSafetensors(join(folder, TENSORS), entries, metadata)
  await writeFileAtomic(join(folder, CONFIG), `${JSON.stringify(peftConfig(config, modules), null, 2)}\n`)
}

function peftConfig({ r, lora_alpha, use_rslora, base_model_name_or_path }: AdapterConfig, modules: string[]) {
  return {
    peft_type: 'LORA',
    task_type: null,
    base_model_name_or_path,
    r,
    lora_alpha,
    use_rslora,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    modules_to_save: null,
    target_modules: modules,
  }
}

/**
 * Reads a folder of PEFT's two files, or a file of SAMed or Sam_LoRA (`w_a_000`, ...).
 * @throws UserError that names the file and the tensor
 */
export async function readAdapter(path: string): Promise<Adapter> {
  const info = await stat(path).catch(() => {
    throw new UserError(`${path}: there is no such adapter`)
  })
  if (!info.isDirectory()) return readSamed(path)
  const own = ['best', 'last'].find((name) => existsSync(join(path, name, CONFIG)))
  if (own && !existsSync(join(path, CONFIG)))
    throw new UserError(`${path} is the folder of a run: its adapter is ${join(path, own)}`)
  return readPeft(path)
}

async function readPeft(folder: string): Promise<Adapter> {
  const config = await readConfig(join(folder, CONFIG))
  const path = join(folder, TENSORS)
  const file = await openSafetensors(path)
  try {
    const targets = new Map<string, LoraPair>()
    for (const name of file.tensors.keys()) {
      const [, module, matrix] = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name) ?? []
      if (!module) throw new UserError(`${path}: tensor ${name} is not one of a LoRA adapter on linear layers`)
      if (matrix === 'B') continue
      const other = name.replace('.lora_A', '.lora_B')
      const [a, b] = [file.tensors.get(name)!, file.tensors.get(other)]
      if (!b) throw new UserError(`${path}: tensor ${other} is missing`)
      const target = module.replace(/\.qkv\.([qkv])$/, '.$1')
      targets.set(target, await readPair(path, a, b))
      checkPair(path, target, targets.get(target)!, config)
    }
    if (2 * targets.size !== file.tensors.size) throw new UserError(`${path}: it has a lora_B without its lora_A`)
    if (!targets.size) throw new UserError(`${path}: it holds no LoRA matrices`)
    const parts = file.metadata[FUSED]?.split(',') as ('q' | 'k' | 'v')[] | undefined
    if (parts?.some((part) => !'qkv'.includes(part) || part.length !== 1))
      throw new UserError(`${path}: its metadata names unknown parts of qkv: ${parts}`)
    const adapter = { config, tensors: { targets } }
    const whole = [...targets.keys()].some((target) => target.endsWith('.qkv'))
    return whole ? splitQkv(adapter, parts ?? null) : adapter
  } finally {
    await file.close()
  }
}

async function readConfig(path: string): Promise<AdapterConfig> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path}: cannot be read: ${messageOf(error)}`)
  }
  const checked = v.safeParse(configSchema, json)
  if (!checked.success) {
    const [issue] = checked.issues
    throw new UserError(`${path}: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}; wgsam reads plain LoRA adapters`)
  }
  const { r, lora_alpha, use_rslora, base_model_name_or_path = null } = checked.output
  return { r, lora_alpha, use_rslora, base_model_name_or_path }
}

function checkPair(path: string, target: string, { A, B, r, inDim, outDim }: LoraPair, config: AdapterConfig): void {
  if (r !== config.r) throw new UserError(`${path}: ${target} has rank ${r}, the configuration says ${config.r}`)
  if (A.length !== r * inDim || B.length !== outDim * r)
    throw new UserError(
      `${path}: ${target}: ${A.length} and ${B.length} elements do not fill (${r}, ${inDim}) and (${outDim}, ${r})`,
    )
}
