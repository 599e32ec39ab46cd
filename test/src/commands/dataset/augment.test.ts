import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { augmentAll } from '../../../../engine/augment/augment'
import { loadItem, openDataset } from '../../../../src/dataset/dataset'
import { parseCsv } from '../../../../src/text/csv'
import { openSplit } from '../../../../src/dataset/split'
import { augmentDataset, distributeEvenly } from '../../../../src/dataset/augment/augmented-copies'
import { relabel } from '../../../../src/dataset/dataset-writer'
import { command as augment } from '../../../../src/commands/dataset/augment'
import { command as split } from '../../../../src/commands/dataset/split'
import { put, refusal, scratch } from '../../../support/files'
import { discs, pair, run } from '../../../support/dataset-folders'

const labels = discs(40, 30, [
  { x: 9, y: 9, r: 6, id: 40 },
  { x: 28, y: 18, r: 8, id: 700 },
])

/** Ten images of five groups, two each, and their split. */
async function source(): Promise<string> {
  const folder = scratch()
  for (let i = 0; i < 10; i++) await pair(folder, `s${i} "x", y`, labels, { seed: i + 1 })
  const rows = Array.from({ length: 10 }, (_, i) => `"s${i} ""x"", y","G ""${i >> 1}"""`)
  put(join(folder, 'groups.csv'), ['name,group', ...rows].join('\n'))
  await run(split, '--data', folder, '--shares', '60,20,20')
  return folder
}

const files = (folder: string) =>
  ['images', 'masks'].flatMap((name) =>
    readdirSync(join(folder, name))
      .sort()
      .map((file) => [join(name, file), readFileSync(join(folder, name, file), 'base64')]),
  )

test('a total is distributed evenly', () => {
  const counts = distributeEvenly(5820, 243)
  assert.is(
    counts.reduce((a, b) => a + b),
    5820,
  )
  assert.equal([...new Set(counts)].sort(), [23, 24])
  assert.is(counts.filter((n) => n === 24).length, 5820 - 23 * 243)
  assert.equal(distributeEvenly(3, 3), [1, 1, 1])
})

test('labels are renumbered in their order', () => {
  assert.equal(relabel(Uint16Array.of(0, 700, 40, 0, 65535, 700)), { data: Uint16Array.of(0, 2, 1, 0, 3, 2), count: 3 })
})

test('the training part is augmented, the others are copied, and the result is a dataset with a split', async () => {
  const folder = await source()
  const out = join(scratch(), 'augmented')
  const args = ['--data', folder, '--split-file', join(folder, 'split.json'), '--out', out, '--total', '20']
  const { code, out: said } = await run(augment, ...args)
  assert.is(code, 0)
  assert.match(said, /20 images made from 6, and 4 validation and test images; 24 written now/)
  const { items } = await openDataset(out)
  assert.is(items.length, 24)
  const { train, val, test } = await openSplit(join(out, 'split.json'), items, { seed: 0 })
  assert.equal([train.length, val.length, test.length], [20, 2, 2])
  const rows = parseCsv(readFileSync(join(out, 'groups.csv'), 'utf8'))
  const groupsOf = (names: string[]) => new Set(rows.filter(({ name }) => names.includes(name)).map((r) => r.group))
  assert.equal([groupsOf(train).size, groupsOf(val).size, groupsOf(test).size], [3, 1, 1])
  for (const row of rows) {
    const original = join(folder, 'images', `${row.source}.png`)
    const picture = readFileSync(join(out, 'images', `${row.name}.png`))
    assert.is(picture.equals(readFileSync(original)), row.copy === '0', 'copy 0 is the file itself')
    assert.match(row.group, /^G "\d"$/)
  }
  for (const item of items.filter(({ id }) => /-aug\d/.test(id))) {
    const { labels } = await loadItem(item)
    const used = [...new Set(labels)].sort()
    assert.ok(used.length > 1 && used.every((id, i) => id === i), `labels 0 to n, not ${used}`)
  }
})

test('the same seed writes the same bytes; an interrupted run is continued; other settings are refused', async () => {
  const folder = await source()
  const [one, two] = [join(scratch(), 'one'), join(scratch(), 'two')]
  const args = (out: string, ...more: string[]) => [
    '--data',
    folder,
    '--all',
    '--out',
    out,
    '--per-image',
    '3',
    ...more,
  ]
  await run(augment, ...args(one))
  const { items } = await openDataset(folder)
  let asked = 0
  const stopped = await augmentDataset({
    ...{ out: two, items, split: null, amount: { perImage: 3 }, originals: true, seed: 0, options: augmentAll },
    stop: () => ++asked > 11,
  })
  assert.equal([stopped.finished, stopped.written], [false, 11])
  const [gone, lost] = readdirSync(join(two, 'masks')).slice(4)
  rmSync(join(two, 'masks', gone)) // as if killed between picture and labels
  for (const name of ['images', 'masks']) rmSync(join(two, name, lost))
  const untouched = join(two, 'images', readdirSync(join(two, 'images'))[0])
  const before = statSync(untouched).mtimeMs
  const rest = JSON.parse((await run(augment, ...args(two, '--json'))).out)
  assert.equal([rest.finished, rest.written, rest.pictures], [true, 21, 30])
  assert.is(statSync(untouched).mtimeMs, before)
  assert.equal(files(two), files(one))
  assert.match(await refusal(run(augment, ...args(two, '--seed', '1'))), /other images or settings/)
  assert.match(await refusal(run(augment, ...args(two, '--blur', '0'))), /other images or settings/)
  const other = join(scratch(), 'other')
  await run(augment, ...args(other, '--seed', '1'))
  assert.not.equal(files(other), files(one))
})

test('a copy depends only on its own number', async () => {
  const folder = await source()
  const [few, many] = [join(scratch(), 'few'), join(scratch(), 'many')]
  await run(augment, '--data', folder, '--all', '--out', few, '--per-image', '2', '--no-originals')
  await run(augment, '--data', folder, '--all', '--out', many, '--per-image', '5')
  const all = new Map(files(many).map(([name, bytes]) => [name, bytes]))
  assert.is(files(few).length, 40)
  for (const [name, bytes] of files(few)) assert.is(all.get(name), bytes, name)
})

test('augmenting before splitting, and other contradictions, are refused before anything is written', async () => {
  const folder = await source()
  const out = join(scratch(), 'out')
  const refused = (...args: string[]) => refusal(run(augment, '--data', folder, ...args))
  const to = ['--out', out, '--per-image', '2']
  assert.match(await refused(...to), /split first/)
  assert.match(await refused('--per-image', '2', '--all'), /needs --out/)
  assert.match(await refused(...to, '--all', '--total', '9'), /either --per-image/)
  assert.match(await refused('--out', out, '--all'), /how many images/)
  assert.match(await refused('--out', out, '--all', '--total', '9'), /9 images cannot be written: there are 10 images/)
  assert.match(await refused(...to, '--all', '--rotate', '90'), /from 0 to 45/)
  assert.match(await refused(...to, '--split-file', join(folder, 'none.json')), /no split file/)
  assert.match(await refused(...to, '--split-file', join(folder, 'split.json'), '--group-by', '.'), /does not fit/)
  assert.match(await refused('--out', folder, '--per-image', '2', '--all'), /images exists already/)
  await pair(folder, 's0 "x", y-aug1', labels, { seed: 77 })
  assert.match(await refused(...to, '--all'), /both be named s0 "x", y-aug1/)
  assert.not.ok(existsSync(out))
  writeFileSync(join(folder, 'split.json'), '{}')
  assert.match(await refused(...to, '--split-file', join(folder, 'split.json')), /cannot use the split/)
})

test.run()
