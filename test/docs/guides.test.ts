/** @file The guides: wgsam reads every command in their code blocks, and the messages that they quote are in the sources. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chooseVerb, parse } from '../../src/cli/command'
import { commands } from '../../src/commands'
import { configFromFlags } from '../../src/commands/options/training'
import { checkConfig } from '../../src/training/config'

const GUIDES = ['training-guide', 'benchmark-guide', 'troubleshooting']
const textOf = (name: string) => readFileSync(`docs/${name}.md`, 'utf8')

for (const name of GUIDES) {
  const lines = [...textOf(name).matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n'))

  test(`docs/${name}.md: every command is read`, async () => {
    assert.ok(lines.length >= 5)
    for (const line of lines) {
      const [program, command, ...rest] = line.split(/\s+/)
      assert.is(program, 'wgsam', line)
      assert.ok(Object.hasOwn(commands, command), line)
      const chosen = await chooseVerb((await commands[command]()).command, rest)
      const { values } = parse(chosen.command, chosen.argv)
      if (command === 'train' && !rest.includes('--resume')) checkConfig(configFromFlags(values), line)
    }
  })

  test(`docs/${name}.md: its links lead somewhere`, () => {
    const links = [...textOf(name).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => path)
    for (const path of links) assert.ok(existsSync(join('docs', path)), path)
  })
}

test('docs/troubleshooting.md quotes what the program prints', () => {
  const sources = [
    'src/host/gpu.ts',
    'engine/device/gpu-errors.ts',
    'engine/device/engine.ts',
    'engine/finetune/divergence-guard.ts',
    'src/training/memory-planner.ts',
    'engine/finetune/memory-planner.ts',
    'src/training/run-reporter.ts',
  ]
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n')
  const text = textOf('troubleshooting')
  for (const quoted of [
    'no WebGPU adapter was found on this machine',
    'the GPU is out of memory',
    'the GPU device was lost',
    'the update is skipped',
    'are too little for this run. It needs at least',
    'the loss of step',
  ]) {
    assert.ok(text.includes(quoted), quoted)
    assert.ok(sources.includes(quoted), `no source has: ${quoted}`)
  }
})

test.run()
