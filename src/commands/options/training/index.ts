/** @file The options of `wgsam train` that set keys of a training configuration. */
import { type Option, text, texts, type Values } from '../../../cli/options'
import { UserError } from '../../../host/errors'
import type { RawConfig } from '../../../training/config'
import { dataAndModel } from './data-and-model'
import type { Flag, Flags } from './flag'
import { learning } from './learning'
import { validation } from './validation'

/** In the order in which `--help` lists them. */
const flags: Flags = { ...dataAndModel, ...learning, ...validation }

const isSwitch = (kind: Flag['kind']) => kind === 'on' || kind === 'off' || kind === 'zero'

/** The options of `wgsam train` that set a key of the configuration. */
export const configOptions: Record<string, Option> = Object.fromEntries(
  Object.entries(flags).map(([name, { kind, value, about }]) => [
    name,
    isSwitch(kind)
      ? { type: 'boolean', description: about }
      : { type: 'string', value, description: about, ...(kind === 'texts' && { multiple: true }) },
  ]),
)

/**
 * The configuration that the given flags set; values are not checked yet.
 * @throws UserError if a number is not one, or flags exclude each other
 */
export function configFromFlags(values: Values): RawConfig {
  const raw: RawConfig = {}
  for (const other of ['zoom-out', 'magnify', 'synthetic'])
    if (values['no-augment'] && values[other] !== undefined)
      throw new UserError(`--no-augment and --${other} exclude each other`)
  if (values['no-head'] && values.head !== undefined) throw new UserError('--head and --no-head exclude each other')
  for (const [name, flag] of Object.entries(flags)) {
    if (values[name] === undefined) continue
    const { path, kind } = flag
    const value = readFlag(values, name, flag)
    if (kind === 'mix') {
      const [point, box, both] = value as number[]
      for (const [key, share] of Object.entries({ point, box, both })) put(raw, `${path}.${key}`, share)
    } else put(raw, path, value)
  }
  return raw
}

/** Flags whose value may be `auto` instead of a number. */
const AUTOMATIC = ['micro-batch', 'workers', 'epochs', 'magnify', 'val-images', 'val-instances']
/** Flags whose value may be `all`, which is null in the configuration. */
const UNLIMITED = ['val-images', 'val-instances']

function readFlag(values: Values, name: string, { kind, length = 3 }: Flag): unknown {
  if (kind === 'zero') return 0
  if (isSwitch(kind)) return kind === 'on'
  if (kind === 'texts') return texts(values, name)
  const typed = text(values, name)!
  if (kind === 'text' || (typed === 'auto' && AUTOMATIC.includes(name))) return typed
  if (typed === 'all' && UNLIMITED.includes(name)) return null
  const list = typed.split(',').map((part) => part.trim())
  if (kind === 'list') return list
  if (kind === 'number') return toNumber(name, typed)
  if (list.length !== length)
    throw new UserError(`--${name} takes ${length === 2 ? 'two' : 'three'} numbers separated by commas, got "${typed}"`)
  return list.map((part) => toNumber(name, part))
}

function toNumber(name: string, typed: string): number {
  const value = typed.trim() === '' ? NaN : Number(typed)
  if (!Number.isFinite(value)) throw new UserError(`--${name} takes a number, got "${typed}"`)
  return value
}

function put(raw: RawConfig, path: string, value: unknown): void {
  const keys = path.split('.')
  let at = raw
  for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as RawConfig
  at[keys.at(-1)!] = value
}

/** Adds to a message of checkConfig the names of the given flags beside the keys that they set. */
export const nameFlags = (message: string, values: Values): string =>
  Object.entries(flags).reduce(
    (text, [name, { path }]) =>
      values[name] === undefined ? text : text.replaceAll(`  ${path} must`, `  ${path} (--${name}) must`),
    message,
  )
