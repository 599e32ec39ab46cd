/** @file The results that parts leave: exact numbers and bytes, damaged files, other settings, and what the merging names as missing. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromExactJson, toExactJson } from '../../../src/parts/exact-json'
import { PartRecords } from '../../../src/parts/part-records'
import { refusal, scratch } from '../../support/files'

test('JSON that gives back every number and bytes', () => {
  const value = { a: [NaN, Infinity, -Infinity, -0, 0.1, 5e-324], b: null, c: 'ünï', d: { $number: 3, x: true } }
  assert.equal(fromExactJson(toExactJson(value)), value)
  assert.ok(Object.is((fromExactJson(toExactJson({ a: -0 })) as { a: number }).a, -0))
  const { jpeg } = fromExactJson(toExactJson({ jpeg: Buffer.from([0, 255, 7]) })) as { jpeg: Buffer }
  assert.ok(Buffer.isBuffer(jpeg))
  assert.equal([...jpeg], [0, 255, 7])
})

test('results by image; one that is damaged or of another image counts as missing', async () => {
  const dir = scratch()
  const records = new PartRecords(dir, { a: 1 })
  assert.equal(await records.begin({ index: 1, count: 2 }, { gpu: 'x' }), [])
  const ids = ['a/b', 'a b', 'A B', 'ü'.repeat(200), '../../up']
  for (const [i, id] of ids.entries()) await records.write(id, { i })
  for (const [i, id] of ids.entries()) assert.equal(await records.read(id), { i })
  assert.is(await records.read('a_b'), null)
  assert.equal(await records.facts(), { gpu: 'x' })
  await records.expectAll(ids, new Set(ids))

  const images = join(dir, 'parts', readdirSync(join(dir, 'parts'))[0], 'images')
  const [file] = readdirSync(images).filter((name) => name.startsWith('ü'))
  for (const broken of ['', '{', 'null', '{"version":1,"id":"a/b","result":{}}', '{"version":2}']) {
    writeFileSync(join(images, file), broken)
    assert.is(await records.read(ids[3]), null, broken)
  }
  assert.equal(await new PartRecords(dir, { a: 1 }).begin({ index: 1, count: 3 }, null), [2])
})

test('what is missing is named with its parts; other settings are distinguished', async () => {
  const dir = scratch()
  const records = new PartRecords(dir, { '--size': '64' })
  assert.match(await refusal(records.facts()), 'there are no parts')
  await records.begin({ index: 2, count: 4 }, null)
  const ids = Array.from({ length: 30 }, (_, i) => `i${i}`)
  const message = await refusal(records.expectAll(ids, new Set(ids.filter((_, i) => i % 4 === 1))))
  assert.match(message, '22 of 30 images have no result yet: i0, i2, i3, i4, i6, i7, i8, i10, i11, i12 and 12 more')
  assert.match(message, 'parts 1/4, 3/4, 4/4')
  const other = new PartRecords(dir, { '--size': '96', '--seed': '1' })
  const differing = await refusal(other.expectAll(ids, new Set()))
  assert.match(differing, '--size: "64" there, "96" here')
  assert.match(differing, '--seed: not given there, "1" here')
  assert.not.ok(records.merged)
  await records.finish()
  assert.ok(records.merged)
  await records.begin({ index: 1, count: 4 }, null)
  assert.not.ok(records.merged)
})

test.run()
