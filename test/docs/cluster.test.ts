/** @file Every command of wgsam in docs/cluster.md is read as it stands there, with values that the options accept. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { chooseVerb, parse } from '../../src/cli/command'
import { commands } from '../../src/commands'
import { parsePart } from '../../src/parts/part'

const text = readFileSync('docs/cluster.md', 'utf8')
const lines = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n'))
/** From `wgsam` to the end of the line or of the quotation that it is in. */
const found = lines.flatMap((line) => /\bwgsam (?:[^"]*)/.exec(line.replaceAll(/\bwgsam-\w+/g, ''))?.[0].trim() ?? [])

test('the commands have no option and no argument that does not exist', async () => {
  assert.ok(found.length >= 8)
  const names = new Set<string>()
  for (const line of found) {
    const [, name, ...rest] = line.split(/\s+/)
    assert.ok(Object.hasOwn(commands, name), line)
    const { command, argv } = await chooseVerb((await commands[name]()).command, rest)
    const { values } = parse(command, argv)
    if (typeof values.part === 'string') parsePart(values.part)
    names.add(name)
  }
  for (const name of ['generate', 'train', 'fetch']) assert.ok(names.has(name), name)
})

test('the commands that it calls divisible have the options, and no other', async () => {
  const [, list] = /^(`wgsam generate`.*) do a part of their images/m.exec(text)!
  const said = [...list.matchAll(/`(?:wgsam )?([a-z ]+)`/g)].map(([, name]) => name).sort()
  const have: string[] = []
  for (const load of Object.values(commands)) {
    const { command } = await load()
    for (const one of [
      command,
      ...(await Promise.all(Object.values(command.verbs ?? {}).map((verb) => verb())).then((all) =>
        all.map((verb) => verb.command),
      )),
    ])
      if (one.options.part && one.options.merge) have.push(one.name)
  }
  assert.equal(have.sort(), said)
})

test.run()
