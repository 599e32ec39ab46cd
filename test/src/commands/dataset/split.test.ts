import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openDataset } from '../../../../src/dataset/dataset'
import { openSplit } from '../../../../src/dataset/split'
import { command as split } from '../../../../src/commands/dataset/split'
import { png8, refusal, scratch } from '../../../support/files'
import { discs, pair, picture, run } from '../../../support/dataset-folders'

const labels = discs(40, 30, [{ x: 20, y: 15, r: 6, id: 1 }])

async function folderOf(groups: number, each: number): Promise<string> {
  const folder = scratch()
  for (let g = 0; g < groups; g++)
    for (let i = 0; i < each; i++) await pair(folder, `g${g}-${i}`, labels, { seed: 1 + g * each + i })
  return folder
}

test('whole groups are assigned, and training accepts the file', async () => {
  const folder = await folderOf(10, 2)
  const grouped = ['--data', folder, '--group-by', '^[^-]+']
  const { code, out } = await run(split, ...grouped, '--seed', '4')
  assert.is(code, 0)
  assert.match(out, /train +14 +70\.0 % +7 +14\n/)
  assert.match(out, /val +4 +20\.0 % +2 +4\n/)
  assert.match(out, /test +2 +10\.0 % +1 +2\n/)
  const path = join(folder, 'split.json')
  const written = readFileSync(path, 'utf8')
  const { items } = await openDataset(folder, { groupBy: '^[^-]+' })
  assert.is((await openSplit(path, items, { seed: 99 })).seed, 4)
  const again = await run(split, ...grouped, '--json')
  assert.equal([JSON.parse(again.out).kept, readFileSync(path, 'utf8')], [true, written])
  assert.match(await refusal(run(split, ...grouped, '--seed', '5')), /exists already, with seed 4/)
  assert.match(await refusal(run(split, ...grouped, '--shares', '80,10,10')), /exists already/)
  assert.match(await refusal(run(split, '--data', folder)), /grouped differently|more than one part/)
})

test('the same image in two parts is an error, also if mirrored, and nothing is written', async () => {
  const folder = await folderOf(10, 1)
  const out = join(folder, 'elsewhere/split.json')
  await run(split, '--data', folder, '--out', join(folder, 'first.json'))
  const { train, test } = JSON.parse(readFileSync(join(folder, 'first.json'), 'utf8'))
  const from = picture(40, 30, 1 + Number(test[0].slice(1, -2)))
  const mirrored = from.map((_, i) => from[i - (i % 40) + 39 - (i % 40)])
  await png8(join(folder, 'images', `${train[0]}.png`), 40, 30, mirrored)
  const message = await refusal(run(split, '--data', folder, '--out', out))
  assert.match(message, /the same image is in two parts/)
  assert.ok(message.includes(train[0]) && message.includes(test[0]))
  assert.not.ok(existsSync(out))
  assert.match(
    await refusal(run(split, '--data', folder, '--out', join(folder, 'first.json'))),
    /then delete .*first.json/,
  )
  // a few gray values changed: no longer identical, but nearly
  await png8(
    join(folder, 'images', `${train[0]}.png`),
    40,
    30,
    mirrored.map((v, i) => v ^ +(i % 7 === 0)),
  )
  const { err, code } = await run(split, '--data', folder, '--out', out)
  assert.is(code, 0)
  assert.match(err, /look nearly identical/)
  assert.ok(existsSync(out))
})

test('--shares, parts without images, and files that are not splits', async () => {
  const folder = await folderOf(2, 2)
  const data = ['--data', folder]
  for (const shares of ['70,20', '0,50,50', '-1,1,1', 'a,b,c', '70,,30', '1,1,Infinity'])
    assert.match(await refusal(run(split, ...data, `--shares=${shares}`)), /three numbers/)
  const few = await run(split, ...data, '--group-by', '^[^-]+', '--shares', '1,1,0')
  assert.match(few.err, /the test part is empty/)
  writeFileSync(join(folder, 'split.json'), '{')
  assert.match(await refusal(run(split, ...data)), /cannot use the split/)
  const other = await folderOf(1, 1)
  assert.match(await refusal(run(split, ...data, '--data', other)), /needs --out/)
})

test.run()
