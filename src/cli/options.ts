/** @file What an option is, and typed readers for the values that were given on the command line. */
import { UserError } from '../host/errors'

export interface Option {
  type: 'string' | 'boolean'
  short?: string
  multiple?: boolean
  default?: string | boolean
  /** Placeholder of the value in the help: `--name <value>`. */
  value?: string
  description: string
}

/** Option values by option name, as `parse` of command.ts returns them. */
export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

/** The value of a string option. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** All values of a string option that may be given more than once. */
export function texts(values: Values, name: string): string[] {
  return [values[name] ?? []].flat().filter((v): v is string => typeof v === 'string')
}

/**
 * The value of a string option that accepts only the values in `known`.
 * @throws UserError for any other value
 */
export function choice<T extends string>(values: Values, name: string, known: readonly T[]): T | undefined {
  const typed = text(values, name)
  if (typed !== undefined && !(known as readonly string[]).includes(typed))
    throw new UserError(`--${name} takes one of ${known.join(', ')}, got "${typed}"`)
  return typed as T | undefined
}

/** True if a boolean option is set. */
export function flag(values: Values, name: string): boolean {
  return values[name] === true
}

/**
 * The value of a number option.
 * @throws UserError if it is not a finite number in [min, max], or not an integer where one is required
 */
export function number(
  values: Values,
  name: string,
  { min = -Infinity, max = Infinity, integer = false }: { min?: number; max?: number; integer?: boolean } = {},
): number | undefined {
  const typed = text(values, name)
  if (typed === undefined) return undefined
  const value = typed.trim() === '' ? NaN : Number(typed)
  if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isInteger(value))) {
    const expected = integer ? 'a whole number' : 'a number'
    const from = min > -Infinity ? ` from ${min}` : ''
    const to = max < Infinity ? ` to ${max}` : ''
    throw new UserError(`--${name} takes ${expected}${from}${to}, got "${typed}"`)
  }
  return value
}
