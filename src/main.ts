#!/usr/bin/env node
/** @file `wgsam <command> [options]`: finds the command, parses its options, runs it, and reports errors. */
import { commands } from './commands'
import { chooseVerb, parse } from './cli/command'
import { nearest } from './cli/nearest'
import { commandHelp, programHelp } from './cli/help'
import { reportError } from './cli/report-error'
import { UserError } from './host/errors'
import { guardConsole } from './host/terminal-text'
import { version } from '../package.json'

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === '--version' || name === '-v') {
    console.log(version)
    return 0
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const loaded = await Promise.all(Object.values(commands).map((load) => load()))
    const text = programHelp(
      loaded.map(({ command }) => command),
      version,
    )
    ;(name === undefined ? process.stderr : process.stdout).write(text)
    return name === undefined ? 1 : 0
  }
  if (!Object.hasOwn(commands, name)) {
    const near = nearest(name, Object.keys(commands))
    throw new UserError(
      `wgsam has no command "${name}"${near ? `: did you mean ${near}?` : ''}; \`wgsam --help\` lists them`,
    )
  }
  const { command, argv: rest } = await chooseVerb((await commands[name]()).command, argv)
  const { values, positionals } = parse(command, rest)
  if (values.help) {
    process.stdout.write(commandHelp(command))
    return 0
  }
  return (await command.run(values, positionals)) ?? 0
}

// a reader that closes the pipe early (`wgsam ... | head`) is not an error
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

guardConsole()
const code = await main(process.argv.slice(2)).catch((error) => reportError(error))
// Dawn's threads may keep the process alive: exit explicitly once stdout is flushed
process.stdout.write('', () => process.exit(code))
