/** @file The axis of an ablation over any other key of the configuration. */
import { UserError } from '../host/errors'
import type { RawConfig, TrainConfig } from '../training/config'

/** Values by dotted key, such as `loss.boundary`. */
export type Settings = Readonly<Record<string, unknown>>

/** Keys that have an axis. */
const AXES: Readonly<Record<string, string>> = {
  'lora.rank': 'rank',
  'lora.kind': 'kind',
  'lora.targets': 'targets',
  'lora.alpha': 'alphaScale',
  'lora.rslora': 'alphaScale',
  'optimizer.learningRate': 'lr',
  seed: 'seeds',
  images: 'images',
}
/** What all cells share, so that they and the rivals are measured on the same images. */
const SHARED = ['data', 'coco', 'groupBy', 'onBad', 'shares', 'split', 'model', 'modelConfig', 'from', 'fromHash']

/** Words with dots between them. */
const KEY = /^[a-z]\w*(\.[a-z]\w*)*$/i

/** @throws UserError if a key is none, has an axis, or cannot differ between cells */
export function checkSettings(set: Readonly<Record<string, readonly unknown[]>>, from: string): void {
  for (const key of Object.keys(set)) {
    if (!KEY.test(key)) throw new UserError(`${from}: "${key}" is no key of a configuration, such as loss.boundary`)
    if (AXES[key]) throw new UserError(`${from}: ${key} has an axis, ${AXES[key]}: use that`)
    if (SHARED.includes(key.split('.')[0]))
      throw new UserError(
        `${from}: ${key} is the same in all cells of an ablation, which could not be compared otherwise`,
      )
  }
}

/** All combinations of the values. */
export const combinations = (set: Readonly<Record<string, readonly unknown[]>>): Settings[] =>
  Object.entries(set).reduce<Settings[]>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  )

/** The settings as a part of a configuration. */
export function nested(settings: Settings): RawConfig {
  const config: RawConfig = {}
  for (const [key, value] of Object.entries(settings)) {
    const path = key.split('.')
    const last = path.pop()!
    let at = config
    for (const name of path) at = (Object.hasOwn(at, name) ? at[name] : (at[name] = {})) as RawConfig
    at[last] = value
  }
  return config
}

/** A configuration's value of a dotted key. */
export const valueAt = (config: TrainConfig, key: string): unknown =>
  key.split('.').reduce<unknown>((part, name) => (part as Record<string, unknown> | null | undefined)?.[name], config)

/** The settings that a recipe does not have anyway, as the end of a cell's name: `_synthetic0.25`. */
export function nameOf(settings: Settings, recipe: TrainConfig): string {
  return Object.entries(settings)
    .filter(([key, value]) => JSON.stringify(valueAt(recipe, key)) !== JSON.stringify(value))
    .map(([key, value]) => `_${key}${asText(value).replace(/[^\w.+-]+/g, '-')}`)
    .join('')
}

/** A value in tables and names. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

/** Reads `KEY=V1,V2`: values as JSON, or words. @throws UserError */
export function parseSetting(typed: string): [key: string, values: unknown[]] {
  const at = typed.indexOf('=')
  const [key, rest] = [typed.slice(0, at).trim(), typed.slice(at + 1).trim()]
  if (at < 1 || !rest) throw new UserError(`--set takes KEY=VALUE,VALUE, such as loss.boundary=0,1, got "${typed}"`)
  return [key, json(`[${rest}]`) ?? rest.split(',').map((word) => json(word) ?? word.trim())]
}

/** Undefined if the text is not JSON. */
function json<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}
