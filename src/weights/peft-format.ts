/**
 * @file Adapters in PEFT's files: adapter_config.json and adapter_model.safetensors. docs/adapters.md has the details. It runs in any
 * host.
 */
import * as v from 'valibot'
import { UserError } from '../host/errors'
import { type Adapter, type AdapterConfig, type LoraPair, scaleOf } from '../../engine/train/adapter'
import { readPair } from './adapter'
import {
  type AdapterFiles,
  type AdapterParts,
  CONFIG,
  jsonText,
  OLD_TENSORS,
  PREFIX,
  readJson,
  TENSORS,
} from './adapter-files'
import { fuseQkv, padded, type Part, splitQkv } from './fused-qkv'
import { isTransformersAdapter, targetOf } from './adapter-names'
import { openPth } from './pth'
import { openSafetensorsSource } from './safetensors-source'
import type { TensorToWrite } from './safetensors-layout'
import { sniffFormat } from './sniff-format'
import type { TensorFile } from './tensor-file'
import { problemOf } from '../text/check-value'

/** Keys in the tensor file's metadata, because PEFT rejects unknown keys in adapter_config.json. */
const FUSED = 'fused_qkv'
const FUSED_ALPHA = 'fused_qkv_alpha'

const nothing = v.nullish(
  v.custom<object>(
    (value) => typeof value === 'object' && value !== null && !Object.keys(value).length,
    'an empty list: wgsam reads LoRA matrices only, no other tensors',
  ),
)
const alpha = v.pipe(
  v.number(),
  v.finite(),
  v.check((x) => x > 0, 'a number above 0'),
)
const rank = v.pipe(v.number(), v.integer(), v.minValue(1))
/** A key of a pattern that is a module's name or the end of its path, or after ^ the whole path. PEFT takes any regular expression. */
const PLAIN_KEY = /^\^?(?:[\w.]|\\\.)+\$?$/
const configSchema = v.object({
  peft_type: v.literal('LORA'),
  r: rank,
  lora_alpha: alpha,
  use_rslora: v.optional(v.boolean(), false),
  base_model_name_or_path: v.nullish(v.string()),
  bias: v.optional(v.literal('none')),
  use_dora: v.optional(v.literal(false)),
  modules_to_save: nothing,
  // others change the weights of the model before it is trained
  init_lora_weights: v.nullish(
    v.union(
      [v.boolean(), v.picklist(['gaussian', 'eva', 'orthogonal'])],
      'a start that leaves the model as it is (not pissa, olora, loftq or corda)',
    ),
  ),
  lora_bias: v.nullish(v.literal(false)),
  layer_replication: nothing,
  alora_invocation_tokens: nothing,
  target_parameters: nothing,
  // the tensors say the ranks too
  rank_pattern: v.nullish(v.record(v.string(), rank)),
  alpha_pattern: v.nullish(
    v.record(
      v.pipe(v.string(), v.regex(PLAIN_KEY, 'the name of a module (other regular expressions are not read)')),
      alpha,
    ),
  ),
})
type PeftConfig = Pick<
  v.InferOutput<typeof configSchema>,
  'r' | 'lora_alpha' | 'use_rslora' | 'base_model_name_or_path' | 'rank_pattern' | 'alpha_pattern'
>

/**
 * What the two files contain, in a form that PEFT loads whole: the adapters of q, k and v of a fused qkv layer become one adapter of the
 * layer, of higher rank.
 * @param where names the adapter in messages
 */
export function peftParts(adapter: Adapter, where = 'the adapter'): AdapterParts {
  const { config } = adapter
  for (const [target, pair] of adapter.tensors.targets) checkPair(where, target, pair, config.r)
  const { targets, parts } = fuseQkv(adapter)
  const tensors: TensorToWrite[] = [...targets].flatMap(([path, { A, B, r, inDim, outDim }]) => [
    { name: `${PREFIX}${path}.lora_A.weight`, shape: [r, inDim], data: A },
    { name: `${PREFIX}${path}.lora_B.weight`, shape: [outDim, r], data: B },
  ])
  const metadata: Record<string, string> = { format: 'pt' }
  if (parts.length) Object.assign(metadata, { [FUSED]: parts.join(','), [FUSED_ALPHA]: String(config.lora_alpha) })
  return { tensors, metadata, config: jsonText(peftConfig(config, targets)) }
}

/** The configuration for PEFT of layers whose ranks may differ and whose scale is one. */
function peftConfig(config: AdapterConfig, targets: ReadonlyMap<string, LoraPair>) {
  const { lora_alpha, use_rslora, base_model_name_or_path } = config
  const ranks = new Set([...targets.values()].map(({ r }) => r))
  const whole = [...targets].find(([, { r }]) => r !== config.r)?.[1].r
  // the alpha of another rank with the same scale
  const alphaAt = (r: number) => lora_alpha * (use_rslora ? Math.sqrt(r / config.r) : r / config.r)
  const r = ranks.size === 1 ? [...ranks][0] : config.r
  return {
    peft_type: 'LORA',
    task_type: null,
    base_model_name_or_path,
    r,
    lora_alpha: alphaAt(r),
    ...(ranks.size > 1 && whole && { rank_pattern: { qkv: whole }, alpha_pattern: { qkv: alphaAt(whole) } }),
    // releases of PEFT before 0.8 refuse this key
    ...(use_rslora && { use_rslora }),
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    modules_to_save: null,
    target_modules: [...targets.keys()],
  }
}

/** Reads PEFT's two files. @throws UserError that names the file and the tensor */
export async function readPeft(files: AdapterFiles): Promise<Adapter> {
  const config = await readConfig(files)
  const name = [TENSORS, OLD_TENSORS].find((one) => files.has(one))
  if (!name) throw new UserError(`${files.name} has ${CONFIG} but no ${TENSORS}: the adapter is not complete`)
  const path = files.where(name)
  const file = await openTensors(files, name)
  try {
    const parts = partsOf(path, file.metadata)
    const layers = new Map<string, ScaledPair>()
    const add = (target: string, layer: ScaledPair) => {
      if (layers.has(target)) throw new UserError(`${path}: it adapts ${target} twice`)
      layers.set(target, layer)
    }
    let pairs = 0
    const names = [...file.tensors.keys()]
    const transformers = isTransformersAdapter(names)
    for (const name of names) {
      const [, module, matrix] = /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name) ?? []
      if (!module) throw new UserError(`${path}: tensor ${name} is not one of a LoRA adapter on linear layers`)
      if (matrix === 'B') continue
      const other = name.replace('.lora_A', '.lora_B')
      const [a, b] = [file.tensors.get(name)!, file.tensors.get(other)]
      if (!b) throw new UserError(`${path}: tensor ${other} is missing`)
      pairs++
      if (a.shape.length === 4)
        throw new UserError(`${path}: it adapts ${module}, a convolution: wgsam reads adapters of linear layers`)
      const pair = await readPair(path, a, b)
      const own = configOf(files.where(CONFIG), module, pair.r, config)
      checkPair(path, module, pair, own.r)
      const target = targetOf(module, transformers)
      if (!target.endsWith('.qkv')) add(target, { pair, scale: scaleOf(own) })
      else for (const [part, split] of splitQkv(target, pair, parts)) add(part, { pair: split, scale: scaleOf(own) })
    }
    if (2 * pairs !== file.tensors.size) throw new UserError(`${path}: it has a lora_B without its lora_A`)
    if (!layers.size) throw new UserError(`${path}: it holds no LoRA matrices`)
    return unified(layers, config, Number(file.metadata[FUSED_ALPHA]))
  } finally {
    await file.close()
  }
}

interface ScaledPair {
  pair: LoraPair
  /** The factor of B·A. */
  scale: number
}

/** Layers of any ranks and scales as an adapter, which has one of each: exact where they are equal already. */
function unified(layers: ReadonlyMap<string, ScaledPair>, config: PeftConfig, written: number): Adapter {
  const all = [...layers.values()]
  const rank = Math.max(...all.map(({ pair }) => pair.r))
  const { use_rslora, base_model_name_or_path = null } = config
  const scale = all[0].scale
  const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * b
  const alpha = scale * (use_rslora ? Math.sqrt(rank) : rank)
  // rounding apart, alpha is what was written
  const lora_alpha = [written, config.lora_alpha].find((known) => close(known, alpha)) ?? alpha
  const targets = new Map(
    [...layers].map(([target, layer]) => [
      target,
      padded(layer.pair, rank, close(layer.scale, scale) ? 1 : layer.scale / scale),
    ]),
  )
  return { config: { r: rank, lora_alpha, use_rslora, base_model_name_or_path }, tensors: { targets } }
}

/** The parts of qkv that wgsam fused; null if it did not write the file. */
function partsOf(path: string, metadata: Record<string, string>): Part[] | null {
  const parts = metadata[FUSED]?.split(',')
  if (parts?.some((part) => !'qkv'.includes(part) || part.length !== 1))
    throw new UserError(`${path}: its metadata names unknown parts of qkv: ${parts}`)
  return (parts as Part[] | undefined) ?? null
}

/**
 * Rank, alpha and kind of scale of a module: the pattern's if its key fits. Where a key is more than a name, the tensors' rank counts.
 * @throws UserError if two keys fit with different alphas: PEFT trains with the first, and saves them in another order
 */
function configOf(path: string, module: string, ofTensors: number, config: PeftConfig) {
  const { r, lora_alpha, use_rslora, rank_pattern, alpha_pattern } = config
  const fits = (key: string) => {
    const name = key.replace(/^\^/, '').replace(/\$$/, '').replaceAll('\\.', '.')
    return module === name || (!key.startsWith('^') && module.endsWith(`.${name}`))
  }
  const valuesOf = (values: Record<string, number> | null | undefined) => [
    ...new Set(Object.entries(values ?? {}).flatMap(([key, value]) => (fits(key) ? [value] : []))),
  ]
  const alphas = valuesOf(alpha_pattern)
  if (alphas.length > 1)
    throw new UserError(
      `${path}: several keys of alpha_pattern fit ${module}: which of ${alphas.join(', ')} it was trained with is not known`,
    )
  const ranks = Object.keys(rank_pattern ?? {}).every((key) => PLAIN_KEY.test(key))
    ? valuesOf(rank_pattern)
    : [ofTensors]
  return { r: ranks.includes(ofTensors) ? ofTensors : (ranks[0] ?? r), lora_alpha: alphas[0] ?? lora_alpha, use_rslora }
}

async function openTensors(files: AdapterFiles, name: string): Promise<TensorFile> {
  const source = await files.open(name)
  if (name === TENSORS) return openSafetensorsSource(source)
  if ((await sniffFormat(source)) === 'zip') return openPth(source)
  await source.close()
  throw new UserError(
    `${source.name}: PEFT's old format, and not as torch.save has written it since 2020: save it again with ` +
      'model.save_pretrained(FOLDER, safe_serialization=True)',
  )
}

async function readConfig(files: AdapterFiles): Promise<PeftConfig> {
  const checked = v.safeParse(configSchema, await readJson(files, CONFIG))
  if (!checked.success) {
    throw new UserError(`${files.where(CONFIG)}: ${problemOf(checked.issues[0])}; wgsam reads plain LoRA adapters`)
  }
  return checked.output
}

function checkPair(path: string, target: string, { A, B, r, inDim, outDim }: LoraPair, rank: number): void {
  if (r !== rank) throw new UserError(`${path}: ${target} has rank ${r}, the configuration says ${rank}`)
  if (A.length !== r * inDim || B.length !== outDim * r)
    throw new UserError(
      `${path}: ${target}: ${A.length} and ${B.length} elements do not fill (${r}, ${inDim}) and (${outDim}, ${r})`,
    )
}
