/**
 * @file Every reader reads a fixed number of mutated files, the same in each run: each is read, or refused by a message that names
 * the file. `npm run fuzz` reads as many as there is time for; docs/reliability.md says what must hold.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Fuzzer } from './fuzz'
import type { Reader } from './reader'
import { readers } from './readers'
import { scratch } from '../support/files'

/** Mutated files of each reader: half a minute for all of them. */
const MUTATIONS = 200
/** Of readers that take milliseconds for a file. */
const FEWER: Record<string, number> = { 'sam-checkpoint': 40, 'model-config': 40, ablation: 25 }

test('names are all different, as the mutations depend on them', () => {
  assert.is(new Set(readers.map(({ name }) => name)).size, readers.length)
})

for (const reader of readers)
  test(`${reader.name}: mutated files are read or refused by name, and nothing else happens`, async () => {
    const fuzzer = await Fuzzer.open(reader, 1, scratch(), false)
    for (let index = 0; index < (FEWER[reader.name] ?? MUTATIONS); index++) {
      const found = await fuzzer.run(index)
      const again = `npm run fuzz -- --reader ${reader.name} --seed 1 --only ${index}`
      assert.is(found?.problem ?? '', '', `${found?.problem}\n${again}`)
    }
  })

const faulty = (read: Reader['read'], more: Partial<Reader> = {}): Reader => ({
  name: 'faulty',
  file: 'a.json',
  seeds: () => [Buffer.from('{"a": [1, 2, {"b": "text"}]}')],
  read,
  ...more,
})

/** What the fuzzer says of a reader in its first files. */
async function saidOf(reader: Reader): Promise<string> {
  const fuzzer = await Fuzzer.open(reader, 1, scratch(), false)
  for (let index = 0; index < 300; index++) {
    const found = await fuzzer.run(index)
    if (found) return found.problem
  }
  return 'nothing'
}

const isSeed = (text: string) => text === '{"a": [1, 2, {"b": "text"}]}'
const refuse = (message: string) => Object.assign(new Error(message), { name: 'UserError' })

test('faults of a reader are found: each of them, and none where there is none', async () => {
  const of = (onDamage: (text: string, path: string) => unknown, more = {}) =>
    saidOf(
      faulty(async (path) => {
        const text = readFileSync(path, 'latin1')
        return isSeed(text) ? 'sound' : onDamage(text, path)
      }, more),
    )
  const thrown = (message: (path: string) => string) =>
    of((_, path) => {
      throw refuse(message(path))
    })
  assert.is(await thrown((path) => `${path}: damaged`), 'nothing')
  assert.match(await thrown(() => 'damaged'), 'the file is not named')
  assert.match(await thrown((path) => `${path}: Invalid type: Expected number but received null`), 'not in plain words')
  assert.match(await thrown((path) => `${path}: ${'x'.repeat(1e4)}`), 'a message of')
  assert.match(await of(() => (undefined as unknown as string).length), 'not a UserError')
  assert.is(await of(() => 'other'), 'nothing')
  assert.match(await of(() => 'other', { guarded: true }), 'not as what its checksums protect')
  const combinations = () => [Buffer.from('other')]
  assert.is(await of(() => 'other', { guarded: true, combinations }), 'nothing')
  assert.match(await of((_, path) => writeFileSync(`${path}.new`, '')), 'files were written or deleted')
  assert.match(
    await of(() => void ((Object.prototype as Record<string, unknown>).polluted = 1)),
    'a prototype of JavaScript was changed',
  )
})

test('an input depends on seed, reader and number alone', async () => {
  const open = (seed: number) =>
    Fuzzer.open(
      readers.find(({ name }) => name === 'coco')!,
      seed,
      scratch(),
      false,
    )
  const [a, b, other] = [await open(1), await open(1), await open(2)]
  await a.run(3)
  for (const index of [0, 7, 123]) {
    assert.equal(a.input(index), b.input(index))
    assert.not.equal(a.input(index), other.input(index))
  }
})

test.run()
