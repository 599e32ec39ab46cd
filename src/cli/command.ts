/** @file What a command is, and the reading of its options: every command line is checked before anything runs. */
import { parseArgs } from 'node:util'
import { UserError } from '../host/errors'

export interface Option {
  type: 'string' | 'boolean'
  short?: string
  multiple?: boolean
  default?: string | boolean
  /** What the value is, shown in the help as `--name <value>`. */
  value?: string
  description: string
}

export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

export interface Command {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** After `wgsam <name>`, e.g. `--image FILE [options]`. */
  usage: string
  options: Record<string, Option>
  /** Least and most number of arguments that are not options; none by default. */
  positionals?: readonly [number, number]
  /** More lines for `--help`, after the options: what it writes, an example. */
  details?: string
  /** Commands under this one, by the word after its name. With no `positionals` this one only routes. */
  verbs?: Record<string, () => Promise<{ command: Command }>>
  /** Returns the exit code; nothing means 0. */
  run(values: Values, positionals: string[]): Promise<number | void>
}

/** The name of `known` closest to what was typed, for "did you mean"; undefined where none is near. */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const scored = known.map((name) => ({ name, distance: editDistance(typed.toLowerCase(), name.toLowerCase()) }))
  scored.sort((a, b) => a.distance - b.distance)
  const best = scored[0]
  const near = best && best.distance <= Math.max(2, best.name.length / 3) && best.distance < best.name.length - 1
  return near ? best.name : undefined
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]
}

/** The command that is meant, and its arguments: the verb's where a command has verbs and the first argument is one. */
export async function chooseVerb(command: Command, argv: string[]): Promise<{ command: Command; argv: string[] }> {
  const { verbs } = command
  const [verb, ...rest] = argv
  if (!verbs || verb === '--help' || verb === '-h') return { command, argv }
  const names = Object.keys(verbs)
  if (verb !== undefined && Object.hasOwn(verbs, verb)) return { command: (await verbs[verb]()).command, argv: rest }
  if (command.positionals) return { command, argv } // it takes arguments of its own as well
  if (verb === undefined) throw new UserError(`wgsam ${command.name} needs one of ${names.join(', ')}`)
  const near = nearest(verb, names)
  const meant = near ? `did you mean ${near}?` : `it has ${names.join(', ')}`
  throw new UserError(`wgsam ${command.name} has no "${verb}": ${meant}`)
}

/**
 * Reads a command's arguments. Throws a UserError for an unknown option (with the nearest name), a missing or an
 * unwanted value, an option given twice, or the wrong number of arguments.
 */
export function parse(command: Command, argv: string[]): { values: Values; positionals: string[] } {
  const options = {
    ...Object.fromEntries(
      Object.entries(command.options).map(([name, { type, short, multiple, default: value }]) => [
        name,
        {
          type,
          ...(short && { short }),
          ...(multiple && { multiple }),
          ...(value !== undefined && { default: value }),
        },
      ]),
    ),
    help: { type: 'boolean' as const, short: 'h' },
  }
  const seeHelp = `\`wgsam ${command.name} --help\` lists the options`
  const { values, positionals, tokens } = parseArgs({
    args: argv,
    options: options as NonNullable<Parameters<typeof parseArgs>[0]>['options'],
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const seen = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = (options as Record<string, Pick<Option, 'type' | 'multiple'>>)[token.name]
    if (!option || !Object.hasOwn(options, token.name)) {
      const near = nearest(token.name, Object.keys(options))
      throw new UserError(
        `wgsam ${command.name} has no option ${token.rawName}${near ? `: did you mean --${near}?` : ''}; ${seeHelp}`,
      )
    }
    if (option.type === 'boolean' && token.value !== undefined)
      throw new UserError(`${token.rawName} takes no value, got "${token.value}"`)
    if (option.type === 'string' && (token.value === undefined || token.value === ''))
      throw new UserError(`${token.rawName} needs a value; ${seeHelp}`)
    if (option.type === 'string' && !token.inlineValue && token.value!.startsWith('--'))
      throw new UserError(`${token.rawName} needs a value, but ${token.value} follows it; ${seeHelp}`)
    if (seen.has(token.name) && !option.multiple) throw new UserError(`${token.rawName} is given more than once`)
    seen.add(token.name)
  }
  const [least, most] = command.positionals ?? [0, 0]
  if (!values.help) {
    if (positionals.length > most)
      throw new UserError(`wgsam ${command.name}: "${positionals[most]}" is an argument too many; ${seeHelp}`)
    if (positionals.length < least)
      throw new UserError(`wgsam ${command.name} needs an argument: wgsam ${command.name} ${command.usage}`)
  }
  return { values: values as Values, positionals }
}

/** A string option's value. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** A string option's value, which must be one of these. Throws a UserError for anything else. */
export function choice<T extends string>(values: Values, name: string, known: readonly T[]): T | undefined {
  const typed = text(values, name)
  if (typed !== undefined && !(known as readonly string[]).includes(typed))
    throw new UserError(`--${name} takes one of ${known.join(', ')}, got "${typed}"`)
  return typed as T | undefined
}

/** Whether a boolean option is set. */
export function flag(values: Values, name: string): boolean {
  return values[name] === true
}

/** All values of a string option that may be given more than once. */
export function texts(values: Values, name: string): string[] {
  return [values[name] ?? []].flat().filter((v): v is string => typeof v === 'string')
}

/** A number option's value within [min, max]. Throws a UserError for anything else, NaN and Infinity included. */
export function number(
  values: Values,
  name: string,
  { min = -Infinity, max = Infinity, integer = false }: { min?: number; max?: number; integer?: boolean } = {},
): number | undefined {
  const typed = text(values, name)
  if (typed === undefined) return undefined
  const value = typed.trim() === '' ? NaN : Number(typed)
  if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isInteger(value))) {
    const what = integer ? 'a whole number' : 'a number'
    const from = min > -Infinity ? ` from ${min}` : ''
    const to = max < Infinity ? ` to ${max}` : ''
    throw new UserError(`--${name} takes ${what}${from}${to}, got "${typed}"`)
  }
  return value
}
