/**
 * @file `wgsam train --from`: the part of a configuration that an adapter decides, if the run begins with its values. The kind,
 * rank, scale and layers are those of the adapter.
 */
import { dirname, join, resolve } from 'node:path'
import { existsSync } from 'node:fs'
import type { Architecture } from '../../engine/sam/architecture'
import { messageOf, UserError } from '../host/errors'
import { validateTargets } from '../weights/adapter'
import { adapterHash, adapterLocation } from '../weights/adapter-location'
import { readAdapterProfile } from '../weights/adapter-profile'
import { type AnyAdapter, isDifference, targetsOf } from '../../engine/train/adapter'
import { readAnyAdapter } from '../weights/any-adapter'
import { expectedTensors } from '../weights/expected-tensors'
import { models } from '../weights/model-registry'
import { modelShapes } from '../weights/weight-shapes'
import { type RawConfig, readConfigFile } from './config'

/** Names of what LoRA can adapt (see LORA_TARGETS) by the paths of the layers. */
const targetNames: [RegExp, (match: RegExpExecArray) => string][] = [
  [/^image_encoder\..*\.attn\.([qkv]|proj)$/, ([, part]) => part],
  [/^image_encoder\..*\.mlp\.(?:lin|fc)([12])$/, ([, number]) => `lin${number}`],
  [/^mask_decoder\.transformer\..*\.([qkv]|out)_proj$/, ([, part]) => `decoder.${part}`],
  [/^mask_decoder\.iou_prediction_head\.layers\.\d+$/, () => 'decoder.iou'],
]
const BLOCK = /^image_encoder\.((?:layers\.\d+\.)?blocks\.\d+)\./
const LAYER = /^image_encoder\.((?:layers\.\d+\.)?blocks\.\d+)\.attn\.qkv\.weight$/

/**
 * Fills in what the adapter `from` decides: kind, rank, scale and layers, its hash, and, unless they are given, the model and the
 * size of its input. A configuration without `from` is returned as it is.
 * @param raw not yet checked
 * @param fetch whether the model may be downloaded
 * @throws UserError if the adapter cannot be read, belongs to another model, or the configuration contradicts it
 */
export async function configFrom(raw: RawConfig, { fetch }: { fetch: boolean }): Promise<RawConfig> {
  if (typeof raw.from !== 'string' || raw.from === '') return raw
  const from = adapterLocation(resolve(raw.from))
  const adapter = await readAnyAdapter(from)
  const fromHash = await adapterHash(from)
  if (typeof raw.fromHash === 'string' && raw.fromHash !== fromHash) throw new UserError(changed(from))
  const model = chosenModel(from, adapter.config.base_model_name_or_path, raw)
  const run = await readConfigFile(join(dirname(from), 'config.json')).catch(() => null)
  const modelConfig = raw.modelConfig ?? (raw.model === undefined ? run?.modelConfig : undefined)
  const toy = typeof modelConfig === 'string' ? await readConfigFile(modelConfig) : undefined
  const { architecture } = await modelShapes(model, toy, { fetch })
  validateTargets(from, targetsOf(adapter), architecture, {
    trained: adapter.config.base_model_name_or_path,
    asked: model,
  })
  const own = loraOf(from, adapter, architecture)
  const given = (raw.lora ?? {}) as RawConfig
  const wrong = Object.keys(given).filter((key) => key in own && !same(key, given[key], own[key], own))
  if (wrong.length)
    throw new UserError(
      `--from takes the kind, rank and layers of ${from}, and these settings contradict them:\n${wrong
        .map(
          (key) =>
            `  lora.${key} is ${JSON.stringify(own[key])} in the adapter, and ${JSON.stringify(given[key])} was given`,
        )
        .join('\n')}\nLeave them out, or train a new adapter without --from.`,
    )
  const { size } = await readAdapterProfile(from)
  return {
    ...raw,
    ...{ from, fromHash, model },
    ...(modelConfig !== undefined && modelConfig !== null && { modelConfig }),
    ...((raw.size ?? null) === null && size !== undefined && { size }),
    lora: { ...given, ...own },
  }
}

const changed = (path: string) =>
  `${path} is not the adapter that the run began with: its files have other contents (SHA-256).`

/**
 * Checks that the adapter with which a resumed run began is unchanged, if it is still there: the run's checkpoint holds all values,
 * so that it is not needed any more.
 * @throws UserError if it has changed
 */
export async function checkFrom({ from, fromHash }: { from: string | null; fromHash: string | null }): Promise<void> {
  if (from === null || fromHash === null || !existsSync(from)) return
  const now = await adapterHash(from).catch((error) => {
    throw new UserError(`cannot read ${from}, the adapter that the run began with: ${messageOf(error)}`)
  })
  if (now !== fromHash)
    throw new UserError(
      `${changed(from)} Restore it or move it away (the run's checkpoint needs it no longer), or begin a new run with another --out.`,
    )
}

/** The name or path of the model. */
function chosenModel(from: string, base: string | null, { model }: RawConfig): string {
  const named = (name: string) => Object.hasOwn(models, name)
  if (typeof model !== 'string' || model === '') {
    if (!base) throw new UserError(`${from} does not say which model it was trained on: name it with --model`)
    if (!named(base) && !existsSync(base))
      throw new UserError(
        `${from} was trained on ${base}, which is neither a model that wgsam knows (wgsam fetch --list) nor a file: name the model with --model`,
      )
    return base
  }
  if (base && named(base) && named(model) && base !== model)
    throw new UserError(
      `${from} was trained on ${base}, and ${model} was asked for: leave out --model, or train a new adapter without --from`,
    )
  return model
}

/** Whether a given setting of LoRA says the same as the adapter; alpha null is the rank. */
function same(key: string, given: unknown, own: unknown, { rank }: RawConfig): boolean {
  if (key === 'alpha' && given === null) return own === rank
  if (key === 'rank' && given === 'auto') return true
  // a full adapter has no rank
  const sorted = (value: unknown) => JSON.stringify(Array.isArray(value) ? [...value].map(String).sort() : value)
  return sorted(given) === sorted(own)
}

function loraOf(path: string, adapter: AnyAdapter, architecture: Architecture): RawConfig {
  const targets = new Set<string>()
  const blocks = new Set<string>()
  for (const name of targetsOf(adapter).keys()) {
    const found = targetNames.flatMap(([pattern, named]) => {
      const match = pattern.exec(name)
      return match ? [named(match)] : []
    })
    if (!found.length) throw new UserError(`${path}: it adapts ${name}, which wgsam does not train`)
    targets.add(found[0])
    const block = BLOCK.exec(name)
    if (block) blocks.add(block[1])
  }
  const all = [...expectedTensors(architecture).keys()].flatMap((name) => LAYER.exec(name)?.[1] ?? [])
  const chosen = blocks.size && all.some((block) => !blocks.has(block)) ? [...blocks] : null
  const layers = { targets: [...targets], blocks: chosen }
  if (isDifference(adapter)) return { kind: 'full', ...layers }
  const { r, lora_alpha, use_rslora } = adapter.config
  return { kind: 'lora', rank: r, alpha: lora_alpha, rslora: use_rslora, ...layers }
}
