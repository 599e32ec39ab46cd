/** @file `wgsam measure` and `wgsam dataset augment` in parts: the merged results equal those of one process, byte for byte. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as augment } from '../../../../src/commands/dataset/augment'
import { command as measure } from '../../../../src/commands/measure'
import { discs, pair, run } from '../../../support/dataset-folders'
import { refusal, scratch } from '../../../support/files'
import { filesOf } from '../../../support/parts'

const data = scratch()
const place = (i: number) => [
  { x: 10 + i, y: 12, r: 5, id: 3 },
  { x: 28, y: 18, r: 8 - i, id: 9 },
  { x: 0, y: 29, r: 4, id: 12 },
]
for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) await pair(data, name, discs(40, 30, place(i)), { seed: i })
writeFileSync(join(data, 'images', 'e.png'), 'no picture')
writeFileSync(join(data, 'masks', 'e.png'), 'no picture')

test('measure: three parts, one of them repeated, an image that cannot be read', async () => {
  const [whole, out] = [scratch(), scratch()]
  // more pictures than a part has images, fewer than all of them
  const all = [data, '--pixel-size', '20nm', '--resamples', '50', '--pictures', '2']
  const one = await run(measure, ...all, '--out', whole)
  assert.is(one.code, 1)
  assert.is((await run(measure, ...all, '--out', out, '--part', '1/3')).code, 0)
  assert.match(await refusal(run(measure, ...all, '--out', out, '--merge')), 'b, c, e. Wait for parts 2/3, 3/3')
  await run(measure, ...all, '--out', out, '--part', '1/3')
  await run(measure, ...all, '--out', out, '--part', '3/3')
  const second = await run(measure, ...all, '--out', out, '--part', '2/3')
  assert.is(second.code, 1)
  assert.match(second.err, 'e: ')
  assert.not.ok(existsSync(join(out, 'particles.csv')))
  const merged = await run(measure, ...all, '--out', out, '--merge')
  assert.is(merged.code, 1)
  const relative = (files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).filter(([name]) => name !== 'summary.json'))
  assert.equal(relative(filesOf(out)), relative(filesOf(whole)))
  assert.is(merged.out.replaceAll(out, whole), one.out)
})

test('measure: an image that has changed since its part was stopped is measured again', async () => {
  const changing = scratch()
  await pair(changing, 'a', discs(40, 30, place(0)))
  await pair(changing, 'b', discs(40, 30, place(1)))
  const out = scratch()
  const all = [changing, '--resamples', '50', '--out', out]
  await run(measure, ...all, '--part', '1/1')
  await pair(changing, 'b', discs(40, 30, place(0).slice(0, 2)))
  await run(measure, ...all, '--part', '1/1')
  await run(measure, ...all, '--merge')
  const whole = scratch()
  await run(measure, changing, '--resamples', '50', '--out', whole)
  assert.is(filesOf(out)['particles.csv'], filesOf(whole)['particles.csv'])
})

test('dataset augment: two parts, an image that is missing, and the split file at the end', async () => {
  const [whole, out] = [scratch(), scratch()]
  rmSync(join(data, 'images', 'e.png'))
  rmSync(join(data, 'masks', 'e.png'))
  const all = ['--data', data, '--all', '--per-image', '3', '--out']
  await run(augment, ...all, whole)
  await run(augment, ...all, out, '--part', '2/2')
  assert.match(await refusal(run(augment, ...all, out, '--merge')), '6 of 12 images have no result yet')
  await run(augment, ...all, out, '--part', '1/2')
  rmSync(join(out, 'masks', 'a-aug1.png'))
  assert.match(await refusal(run(augment, ...all, out, '--merge')), 'a-aug1. Wait for part 2/2')
  await run(augment, ...all, out, '--part', '2/2')
  assert.is((await run(augment, ...all, out, '--merge')).code, 0)
  assert.equal(filesOf(out), filesOf(whole))
})

test.run()
