/** @file The text of `--help`, made from the commands' own tables. */
import type { Command } from './command'
import type { Option } from './options'

const WIDTH = 100

/** Two columns; the right one wraps at 100 characters and keeps its indent. */
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

export function programHelp(commands: readonly Command[], version: string): string {
  return [
    `wgsam ${version}: Segment Anything, fine-tuned on dense particle images, on any GPU`,
    'usage: wgsam <command> [options]',
    `commands:\n${columns(commands.map((c) => [c.name, c.summary]))}`,
    'environment:\n' +
      columns([
        ['WGSAM_CACHE', 'folder of downloaded models and of the software adapter'],
        ['WGSAM_ADAPTER', 'part of the name of the GPU to use, where there are several'],
        ['WGSAM_TOGGLES', "Dawn's own switches, separated by spaces, e.g. backend=vulkan"],
        ['WGSAM_DEBUG', '1 shows the stack of an error'],
      ]),
    '`wgsam <command> --help` tells more; `wgsam doctor` checks this machine.\n',
  ].join('\n\n')
}
