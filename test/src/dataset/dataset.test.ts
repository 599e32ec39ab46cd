import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { checkDataset } from '../../../src/dataset/check'
import { listPairs, loadItem, openDataset } from '../../../src/dataset/dataset'
import { parseCsv } from '../../../src/text/csv'
import { readGroups } from '../../../src/dataset/groups'
import { png16, png8, put, refusal, scratch } from '../../support/files'
import { testNeedingShared } from '../../support/needs'

const square = (id: number, width = 20, height = 16) =>
  Array.from({ length: width * height }, (_, i) => (i % width > 3 && i % width < 12 && i > 40 && i < 200 ? id : 0))

async function pair(folder: string, stem: string, labels: number[] = square(1), width = 20, height = 16) {
  await png8(join(folder, 'images', `${stem}.png`), width, height, new Uint8Array(width * height).fill(90))
  await png16(join(folder, 'masks', `${stem}.png`), width, height, labels)
}

test('pairs are found by stem, in any format, whatever their names', async () => {
  const folder = scratch()
  for (const stem of ['b', 'a "quoted" name', "it's", 'dot.in.name', 'ünï']) await pair(folder, stem)
  put(join(folder, 'images', '.DS_Store'), 'x')
  put(join(folder, 'images', 'notes.txt'), 'x')
  const { items, bad } = await openDataset(folder)
  assert.equal(bad, [])
  assert.equal(
    items.map(({ id }) => id),
    ['a "quoted" name', 'b', 'dot.in.name', "it's", 'ünï'],
  )
  assert.equal([items[0].width, items[0].height, items[0].instances, items[1].group], [20, 16, 1, 'b'])
  const sample = await loadItem(items[0])
  assert.equal([...sample.labels], square(1))
  assert.equal([sample.rgb.length, sample.rgb[5]], [960, 90])
})

async function badFolder(): Promise<string> {
  const folder = scratch()
  await pair(folder, 'good', square(65535))
  await pair(folder, 'empty', square(0))
  await pair(folder, 'full', new Array(320).fill(3))
  await pair(
    folder,
    'inverted',
    square(1).map((v) => (v ? 1 : 2)),
  )
  await pair(
    folder,
    'speck',
    square(0).map((_, i) => +(i === 50)),
  )
  await pair(folder, 'size')
  await png16(join(folder, 'masks/size.png'), 16, 20, square(1, 16, 20))
  await pair(folder, 'cut')
  put(join(folder, 'images/cut.png'), 'not a picture at all')
  await pair(folder, 'twice')
  await png8(join(folder, 'images/twice.tif'), 20, 16, square(1))
  await png8(join(folder, 'images/alone.png'), 20, 16, square(1))
  await png16(join(folder, 'masks/orphan.png'), 20, 16, square(1))
  await png8(join(folder, 'images/lossy.png'), 20, 16, square(1))
  put(join(folder, 'masks/lossy.jpg'), 'x')
  return folder
}

const reasons: Record<string, RegExp> = {
  alone: /there is no label map of this name in .*masks/,
  cut: /cannot read the image .*cut\.png/,
  empty: /labels are empty/,
  full: /label 3 covers 100\.0 %.*background/,
  inverted: /label 2 covers .*background/,
  lossy: /JPEG/,
  orphan: /there is no image of this name in .*images/,
  size: /the image is 20x16 pixels, its labels 16x20/,
  speck: /largest instance has 1 pixels/,
  twice: /the name is ambiguous/,
}

test('every bad pair is listed with its reason and refused', async () => {
  const message = await refusal(openDataset(await badFolder()))
  assert.match(message, /^10 of the pairs/)
  const lines = message.split('\n')
  for (const [id, reason] of Object.entries(reasons))
    assert.match(lines.find((line) => line.startsWith(`  ${id}: `)) ?? `${id} is not listed`, reason)
})

test('bad pairs are skipped by choice, unless nothing is left', async () => {
  const { items, bad } = await openDataset(await badFolder(), { onBad: 'skip' })
  assert.equal(
    items.map(({ id }) => id),
    ['good'],
  )
  assert.equal(
    bad.map(({ id }) => id),
    Object.keys(reasons),
  )
  const folder = scratch()
  await pair(folder, 'empty', square(0))
  assert.match(await refusal(openDataset(folder, { onBad: 'skip' })), /no usable image is left/)
})

test('folders that are no datasets', async () => {
  const folder = scratch()
  assert.match(await refusal(openDataset(join(folder, 'none'))), /there is no folder/)
  assert.match(await refusal(openDataset(folder)), /images is missing/)
  put(join(folder, 'images/.keep'), '')
  assert.match(await refusal(openDataset(folder)), /masks is missing/)
  put(join(folder, 'masks/.keep'), '')
  assert.match(await refusal(openDataset(folder)), /contains no images/)
})

test('files that change after the start are noticed', async () => {
  const folder = scratch()
  await pair(folder, 'a')
  const { items } = await openDataset(folder)
  await pair(folder, 'a', square(1, 16, 20), 16, 20)
  assert.match(await refusal(loadItem(items[0])), /changed size since the dataset was opened: now 16x20/)
})

test('several folders keep their images apart', async () => {
  const [one, two] = ['one', 'two'].map((name) => join(scratch(), name))
  for (const folder of [one, two]) await pair(folder, 'A-1')
  const { items } = await openDataset([one, two], { groupBy: '^[^-]+' })
  assert.equal(
    items.map(({ id, group }) => [id, group]),
    [
      ['one/A-1', 'one/A'],
      ['two/A-1', 'two/A'],
    ],
  )
  assert.match(await refusal(openDataset([one, one])), /two folders are named one/)
})

test('COCO annotations in place of masks; only names inside the folder are looked for', async () => {
  const folder = scratch()
  await png8(join(folder, 'images/sub/p.png'), 20, 16, square(9))
  const image = (id: number, file_name: string) => ({ id, file_name, width: 20, height: 16 })
  const segmentation = [[4, 4, 12, 4, 12, 12, 4, 12]]
  const annotations = [1, 2].map((image_id) => ({ image_id, segmentation }))
  put(
    join(folder, 'annotations.json'),
    JSON.stringify({ images: [image(1, 'sub/p.png'), image(2, '../../etc/q.png'), image(3, 'r.png')], annotations }),
  )
  const { items, bad } = await openDataset(folder, { onBad: 'skip' })
  assert.equal([items.length, items[0].id, items[0].instances], [1, 'p', 1])
  assert.match(bad[0].reason, /there is no image "..\/..\/etc\/q.png" in .*images, looked for as "q.png"/)
  assert.match(bad[1].reason, /there is no image "r.png" in/)
  const { labels } = await loadItem(items[0])
  assert.is(labels.filter((v) => v === 1).length, 64)
})

test('names with accents of either form are one name; a table may have semicolons', async () => {
  const folder = scratch()
  await pair(folder, 'pe\u0301')
  await png16(join(folder, 'masks/p\u00e9.png'), 20, 16, square(1))
  rmSync(join(folder, 'masks/pe\u0301.png'))
  put(join(folder, 'groups.csv'), '\ufeffname;group\r\np\u00e9;"A; b"\r\n')
  const { items } = await openDataset(folder)
  assert.equal([items.length, items[0].id, items[0].group], [1, 'p\u00e9', 'A; b'])
  assert.equal(parseCsv('a\tb\n1\t2,5'), [{ a: '1', b: '2,5' }])
  assert.equal(parseCsv('sep=;\na;b\n1;2'), [{ a: '1', b: '2' }])
  assert.equal(parseCsv('a;x,b\n1,2'), [{ 'a;x': '1', b: '2' }])
})

test('labels made for the unturned pixels of a turned image are refused by that name', async () => {
  const folder = scratch()
  const raw = { raw: { width: 20, height: 16, channels: 1 as const } }
  const turned = sharp(new Uint8Array(320).fill(90), raw).toColourspace('b-w').withMetadata({ orientation: 6 })
  put(join(folder, 'images/p.jpg'), await turned.jpeg().toBuffer())
  await png16(join(folder, 'masks/p.png'), 20, 16, square(1))
  assert.match(
    await refusal(openDataset(folder)),
    /image is 16x20 pixels, its labels 20x16. Its orientation tag \(EXIF 6\)/,
  )
  await png16(join(folder, 'masks/p.png'), 16, 20, square(1, 16, 20))
  const report = await checkDataset(folder)
  assert.equal([report.errors, report.findings.map(({ kind }) => kind).includes('turned')], [0, true])
})

test('one damaged annotation of three is left out and named; of two of three the image is refused', async () => {
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), 20, 16, square(9))
  const good = { image_id: 1, segmentation: [[4, 4, 12, 4, 12, 12, 4, 12]] }
  const bad = { image_id: 1, segmentation: { size: [16, 21], counts: [336] } }
  const write = (...annotations: object[]) =>
    put(join(folder, 'annotations.json'), JSON.stringify({ images: [{ id: 1, file_name: 'p.png' }], annotations }))
  write(good, bad, good)
  const { items, remarks } = await openDataset(folder)
  assert.is(items[0].instances, 1)
  assert.match(
    remarks[0].reason,
    /^1 of its 3 shapes cannot be used: annotations.1: its mask is 21x16 pixels, the image 20x16/,
  )
  assert.is((await loadItem(items[0])).labels.filter((v) => v > 0).length, 64)
  const report = await checkDataset(folder)
  assert.equal([report.errors, report.findings[0].kind], [0, 'shapes'])
  write(good, bad, bad)
  assert.match(await refusal(openDataset(folder)), /2 of its 3 shapes cannot be used/)
})

test('the ground between the particles is not taken for a particle', async () => {
  const folder = scratch()
  await pair(
    folder,
    'a',
    square(0).map((_, i) => +!(i % 20 > 5 && i % 20 < 15 && i > 60 && i < 260)),
  )
  assert.match(await refusal(openDataset(folder)), /label 1 covers .* looks like the background, which must be 0/)
})

test('groups from a table, a pattern, or each image its own', async () => {
  const folder = scratch()
  assert.is((await readGroups(folder))('a-1'), 'a-1')
  assert.is((await readGroups(folder, '^[^-]+'))('a-1'), 'a')
  assert.is((await readGroups(folder, '^x(.)'))('xyz'), 'y')
  assert.is((await readGroups(folder, '^x'))('abc'), 'abc')
  put(join(folder, 'index.csv'), 'name,size,extra\r\n"a-1.png",3,"sample ""A"", old"\r\nb.c-2,4,\r\n')
  const byColumn = await readGroups(folder, 'column:extra')
  assert.equal(['a-1', 'b.c-2', 'other'].map(byColumn), ['sample "A", old', 'b.c-2', 'other'])
  put(join(folder, 'groups.csv'), '\ufefffile,group\na-1,G\n')
  assert.is((await readGroups(folder))('a-1'), 'G')
  assert.match(await refusal(readGroups(folder, 'column:none')), /no groups.csv or index.csv with the column "none"/)
  assert.match(await refusal(readGroups(folder, '(')), /not a regular expression/)
  assert.equal(parseCsv(''), [])
  assert.throws(() => parseCsv('a,b\n1,"2'), /line 2/)
})

test('tables of groups as people write them; one that cannot group the images is refused', async () => {
  const folder = scratch()
  for (const name of ['a-1', 'a-2']) await pair(folder, name, square(1))
  const table = (text: string | Uint8Array) => put(join(folder, 'groups.csv'), text)
  const groups = async () => (await listPairs(folder)).pairs.map(({ group }) => group)
  for (const text of [
    'Name,Group\na-1,G\na-2,G\n',
    'group,image\nG,a-1.tif\nG,images/a-2.tif\n',
    'name\tgroup\r\nA-1\tG\r\nA-2\tG\r\n',
    Buffer.from('\ufeffname\tgroup\r\na-1\tG\r\na-2\tG\r\n', 'utf16le'),
  ]) {
    table(text)
    assert.equal(await groups(), ['G', 'G'])
  }
  table('name,group\na-1,G\n')
  assert.match((await openDataset(folder)).remarks[0].reason, /no row for 1 of 2 images \(a-2\)/)
  for (const [text, reason] of [
    ['name,group\nIMG_1,G\nIMG_2,G\n', /names none of the 2 images \(a-1, a-2\)/],
    ['name,group\na-1,G\na-1,H\n', /two groups for "a-1"/],
    [`name,group\na-1,${'g'.repeat(1e5)}\na-1,H\n`, /two groups for "a-1": "g{60}"/],
    ['name,sample\na-1,G\n', /no column "group", only "name", "sample"/],
    ['', /has no rows/],
  ] as const) {
    table(text)
    assert.match(await refusal(openDataset(folder)), reason)
  }
  table('name,pixel_size\na-1,2nm\n')
  assert.equal(await groups(), ['a-1', 'a-2'])
})

const silica = '../shared/data/silica_semseg'
testNeedingShared(silica)('a real set opens whole, grouped by sample', async () => {
  const { items, bad } = await openDataset(silica, { groupBy: '^[^-]+' })
  assert.equal(bad, [])
  assert.is(items.length, readdirSync(join(silica, 'images')).length)
  assert.ok(new Set(items.map(({ group }) => group)).size < items.length)
})

test.run()
