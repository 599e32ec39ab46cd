/**
 * @file `wgsam train --from`: the part of a configuration that an adapter decides, if the run begins with its values. The kind,
 * rank, scale and layers are those of the adapter.
 */
import { dirname, join, resolve } from 'node:path'
import { existsSync } from 'node:fs'
import { adapterSettings, sameLora } from '../../engine/finetune/starting-values'
import type { Architecture } from '../../engine/sam/architecture'
import { SettingError } from '../../engine/setting-error'
import { messageOf, UserError } from '../host/errors'
import { validateAdapter } from '../weights/adapter'
import { adapterHash, adapterLocation } from '../weights/adapter-location'
import { readAdapterProfile } from '../weights/adapter-profile'
import { type AnyAdapter } from '../../engine/train/adapter'
import { readAnyAdapter } from '../weights/any-adapter'
import { expectedTensors } from '../weights/expected-tensors'
import { models } from '../weights/model-registry'
import { modelShapes } from '../weights/weight-shapes'
import { type RawConfig, readConfigFile } from './config'

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
  validateAdapter(from, adapter, architecture, model)
  const own = loraOf(from, adapter, architecture)
  const given = (raw.lora ?? {}) as RawConfig
  const wrong = Object.keys(given).filter((key) => key in own && !sameLora(key, given[key], own[key], own.rank))
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

/** The adapter's settings of LoRA as a configuration has them. */
function loraOf(name: string, adapter: AnyAdapter, architecture: Architecture): RawConfig {
  const layers = [...expectedTensors(architecture).keys()].map((tensor) => tensor.replace(/\.weight$/, ''))
  try {
    return { ...adapterSettings({ name, adapter }, layers) }
  } catch (error) {
    throw error instanceof SettingError ? new UserError(error.message) : error
  }
}
