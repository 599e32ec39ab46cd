/** @file The text of `--help`, built from the option tables of the commands. */
import type { Command } from './command'
import type { Option } from './options'

const WIDTH = 100

/** Two columns; the right one wraps at 100 characters and stays indented. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(...rows.map(([name]) => name.length)) + 4
  return rows
    .map(([name, about]) => {
      const lines = ['']
      for (const word of about.split(' ')) {
        const last = lines.length - 1
        if (lines[last] && left + lines[last].length + 1 + word.length > WIDTH) lines.push(word)
        else lines[last] += (lines[last] ? ' ' : '') + word
      }
      return '  ' + name.padEnd(left - 2) + lines.join('\n' + ' '.repeat(left))
    })
    .join('\n')
}

function optionRow([name, option]: [string, Option]): [string, string] {
  const short = option.short ? `-${option.short}, ` : '    '
  const value = option.type === 'string' ? ` <${option.value ?? 'value'}>` : ''
  const fallback = option.default !== undefined && option.default !== false ? ` (default ${option.default})` : ''
  return [`${short}--${name}${value}`, option.description + fallback]
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const help: Option = { type: 'boolean', short: 'h', description: 'show this text' }
  const rows = Object.entries({ ...command.options, help }).map(optionRow)
  const parts = [
    `${command.summary}`,
    `usage: wgsam ${command.name} ${command.usage}`.trimEnd(),
    `options:\n${columns(rows)}`,
  ]
  if (command.details) parts.push(command.details.trim())
  return parts.join('\n\n') + '\n'
}

/** The help of the program: the list of commands, and environment variables. */
export function programHelp(commands: readonly Command[], version: string): string {
  return [
    `wgsam ${version}: Segment Anything, fine-tuned on dense particle images, on any GPU`,
    'usage: wgsam <command> [options]',
    `commands:\n${columns(commands.map((c) => [c.name, c.summary]))}`,
    'environment:\n' +
      columns([
        ['WGSAM_CACHE', 'folder for downloaded models and the software adapter'],
        ['WGSAM_ADAPTER', 'part of the name of the GPU to use, if there are several'],
        ['WGSAM_TOGGLES', 'options of the WebGPU library Dawn, separated by spaces, e.g. backend=vulkan'],
        ['WGSAM_DEBUG', '1 prints the stack trace of an error'],
      ]),
    '`wgsam <command> --help` shows the options of a command; `wgsam doctor` checks this machine.\n',
  ].join('\n\n')
}
