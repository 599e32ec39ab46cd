/** @file The road in README.md: wgsam reads every command as it stands there, and each works on what an earlier one has written. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { chooseVerb, parse } from '../../src/cli/command'
import { commandText, trainCommand } from '../../src/cli/next-command'
import { commands } from '../../src/commands'
import { configFromFlags } from '../../src/commands/options/training'
import { checkConfig } from '../../src/training/config'

const [, section] = readFileSync('README.md', 'utf8').split('## From micrographs to particle sizes\n')
const blocks = [...section.split('\n## ')[0].matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) =>
  block
    .trim()
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim()),
)
const [install, road] = blocks

async function read(line: string) {
  const [program, name, ...rest] = line.split(/\s+/)
  assert.is(program, 'wgsam', line)
  assert.ok(Object.hasOwn(commands, name), line)
  const { command, argv } = await chooseVerb((await commands[name]()).command, rest)
  return { name, ...parse(command, argv) }
}

test('it begins with what to type after nothing but Node is installed', () => {
  assert.equal(
    install.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['git clone', 'cd wgsam', 'npm install', 'npm run', 'npm link'],
  )
  const { bin, scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  assert.ok(bin.wgsam && scripts.build)
})

test('every command is read, in the order of the work, on what there is by then', async () => {
  const there = new Set(['micrographs', 'more'])
  const names: string[] = []
  for (const line of road) {
    const { name, values, positionals } = await read(line)
    names.push(name)
    const uses =
      name === 'fetch' ? [] : [...positionals, ...[values.data ?? []].flat(), ...[values.adapter ?? []].flat()]
    for (const path of uses) assert.ok(there.has(String(path)), `${line}: ${path} is not made by an earlier step`)
    for (const path of [values.out, values.report]) if (path) there.add(String(path))
    if (name === 'review') there.add(`${positionals[0]}/dataset`)
    if (name === 'train') there.add(`${values.out}/best`)
    // an input size is only chosen where an adapter is trained at it
    if (name !== 'train') assert.is(values.size, undefined, line)
  }
  const order = ['doctor', 'fetch', 'generate', 'review', 'train', 'eval', 'generate', 'review', 'measure']
  assert.equal(names, order)
})

test('the training is the one that the review proposes on a machine without a GPU, and a valid configuration', async () => {
  const line = road.find((one) => one.startsWith('wgsam train'))!
  assert.is(line, commandText(trainCommand({ data: 'project/dataset', software: true, out: 'runs/first' })))
  checkConfig(configFromFlags((await read(line)).values), 'README.md')
  const five = commandText(trainCommand({ data: 'project/dataset', images: 5, software: true, out: 'runs/first' }))
  assert.ok(readFileSync('docs/tutorial.md', 'utf8').includes(five), 'the tutorial has that of its five images')
})

test.run()
