/** @file What a command is, and the parsing of its command line, which is checked completely before the command runs. */
import { parseArgs } from 'node:util'
import { UserError } from '../host/errors'
import { nearest } from './nearest'
import type { Option, Values } from './options'

export interface Command {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** Follows `wgsam <name>` in the help, e.g. `--image FILE [options]`. */
  usage: string
  options: Record<string, Option>
  /**
   * Minimum and maximum number of arguments that are not options; none by default. A command without any that has --data for several
   * folders takes folders as arguments as well.
   */
  positionals?: readonly [number, number]
  /** Text that `--help` prints after the options: the files written, examples. */
  details?: string
  /** Subcommands by name. A command that has verbs and no `positionals` only dispatches to them. */
  verbs?: Record<string, () => Promise<{ command: Command }>>
  /** Returns the exit code; undefined means 0. */
  run(values: Values, positionals: string[]): Promise<number | void>
}

/**
 * The command to run and its arguments: a verb of `command` if the first argument names one, otherwise `command`.
 * @throws UserError if the command needs a verb, and none or an unknown one is given
 */
export async function chooseVerb(command: Command, argv: string[]): Promise<{ command: Command; argv: string[] }> {
  const { verbs } = command
  const [verb, ...rest] = argv
  if (!verbs || verb === '--help' || verb === '-h') return { command, argv }
  const names = Object.keys(verbs)
  if (verb !== undefined && Object.hasOwn(verbs, verb)) return { command: (await verbs[verb]()).command, argv: rest }
  if (command.positionals) return { command, argv } // the argument is not a verb but an input, such as a file
  if (verb === undefined) throw new UserError(`wgsam ${command.name} needs one of ${names.join(', ')}`)
  const near = nearest(verb, names)
  const meant = near ? `did you mean ${near}?` : `it has ${names.join(', ')}`
  throw new UserError(`wgsam ${command.name} has no "${verb}": ${meant}`)
}

/**
 * Parses a command's arguments.
 * @throws UserError for an unknown option (suggesting the nearest name), a missing or unexpected value, an option given
 * twice, or the wrong number of arguments
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
  // what names images by --data takes their folders as arguments too
  if (!command.positionals && !command.verbs && command.options.data?.multiple && positionals.length) {
    Object.assign(values, { data: [...[values.data ?? []].flat(), ...positionals.splice(0)] })
  }
  const [min, max] = command.positionals ?? [0, 0]
  if (!values.help) {
    if (positionals.length > max)
      throw new UserError(`wgsam ${command.name}: "${positionals[max]}" is one argument too many; ${seeHelp}`)
    if (positionals.length < min)
      throw new UserError(`wgsam ${command.name} needs an argument: wgsam ${command.name} ${command.usage}`)
  }
  return { values: values as Values, positionals }
}
