/** @file Unusual folders: no masks and very many, damaged proposals, changed images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDataset } from '../../../../src/dataset/dataset'
import { projectFile } from '../../../../src/project/project'
import { ReviewDocument } from '../../../../src/project/review/document'
import { exportAcceptedImages } from '../../../../src/review/export-dataset'
import { ReviewFolder } from '../../../../src/project/review/review-folder'
import type { Action } from '../../../../src/project/review/review-records'
import { refusal, scratch } from '../../../support/files'
import { made, SIZE, square, writeImage } from '../../../support/review'

const act = async (folder: ReviewFolder, name: string, ...actions: Action[]) => {
  for (const action of actions) {
    const base = (await folder.history(name)).entries.length
    assert.ok('entry' in (await folder.act(name, { window: 'w', base, action })))
  }
}

test('an image without masks, and one with 5,000', async () => {
  const dir = scratch()
  const size = { width: 1200, height: 1000 }
  await writeImage(dir, 'none', [])
  const many = Array.from({ length: 5000 }, (_, i) => square((i % 100) * 12, Math.floor(i / 100) * 20, 8, size))
  await writeImage(dir, 'many', many, size)
  const folder = await ReviewFolder.open(dir)
  assert.equal(
    folder.summaries.map(({ masks }) => masks),
    [5000, 0],
  )
  await act(folder, 'none', { type: 'edit', edit: { kind: 'add', remove: [], add: [made(1, 'add', square(3, 3, 9))] } })
  const all = Array.from({ length: 5000 }, (_, i) => i + 1)
  await act(
    folder,
    'many',
    { type: 'edit', edit: { kind: 'remove', remove: all, add: [] } },
    { type: 'undo' },
    {
      type: 'edit',
      edit: { kind: 'refilter', remove: all, add: many.map((mask, i) => made(5001 + i, 'refilter', mask)) },
    },
    { type: 'state', state: 'accepted' },
  )
  const reply = await folder.history('many')
  await folder.close()
  const document = ReviewDocument.replay({ ...reply, image: size })
  assert.equal(document.counts, { masks: 5000, removed: 5000, edited: 0, added: 5000 })
  assert.equal(
    document.masks.map(({ segmentation }) => segmentation),
    many,
  )
  const { items } = await openDataset((await exportAcceptedImages(dir)).folder)
  assert.equal(
    items.map(({ instances }) => instances),
    [5000],
  )
})

test('damaged proposals are a problem of their image only', async () => {
  const dir = scratch()
  const names = ['cut', 'list', 'version', 'size', 'outside', 'empty', 'measure', 'counts', 'good']
  for (const name of names) await writeImage(dir, name, [square(2, 2, 5)])
  const spoil = (name: string, change: (file: any) => unknown) => {
    const path = projectFile.proposals(dir, name)
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
  }
  const record = (over: object) => (file: any) => ({ ...file, records: [{ ...file.records[0], ...over }] })
  writeFileSync(projectFile.proposals(dir, 'cut'), '{"version":1,"rec')
  spoil('list', () => [])
  spoil('version', (file) => ({ ...file, version: 2 }))
  spoil('size', (file) => ({ ...file, image: { ...file.image, width: 65 } }))
  spoil('outside', record({ segmentation: square(2, 2, 5, { width: 48, height: 64 }) }))
  spoil('empty', record({ segmentation: { size: [48, 64], counts: 'PP3' } }))
  spoil('measure', record({ predicted_iou: 'good' }))
  spoil('counts', record({ segmentation: { size: [48, 64], counts: '~~~' } }))
  const folder = await ReviewFolder.open(dir)
  const problems = new Map(folder.summaries.map(({ info, problem }) => [info.name, problem]))
  const expected: Record<string, RegExp> = {
    cut: /cannot use .*cut\.json/,
    list: /cannot use .*list\.json: version/,
    version: /version/,
    size: /mask 1 has 64 x 48 pixels, but the image has 65 x 48/,
    outside: /mask 1 has 48 x 64/,
    empty: /mask 1 is empty/,
    measure: /records\.0\.predicted_iou/,
    counts: /mask 1 is damaged/,
  }
  for (const [name, what] of Object.entries(expected)) assert.match(problems.get(name) ?? '', what)
  assert.is(problems.get('good'), null)
  await act(folder, 'good', { type: 'state', state: 'accepted' })
  assert.match(await refusal(folder.history('cut')), /cut\.json/)
  await folder.close()
  const { images, notes } = await exportAcceptedImages(dir)
  assert.is(images, 1)
  assert.is(notes.length, 8, 'none is passed over silently')
})

test('an image that is missing, damaged or of another size than its masks', async () => {
  const dir = scratch()
  for (const name of ['missing', 'damaged', 'other']) await writeImage(dir, name, [square(2, 2, 5)])
  renameSync(projectFile.image(dir, 'missing'), join(dir, 'elsewhere.png'))
  writeFileSync(projectFile.image(dir, 'damaged'), 'no picture')
  const proposals = readFileSync(projectFile.proposals(dir, 'other'))
  await writeImage(dir, 'other', [], { width: 64, height: 50 })
  writeFileSync(projectFile.proposals(dir, 'other'), proposals)
  const folder = await ReviewFolder.open(dir)
  const [damaged, missing, other] = folder.summaries.map(({ problem }) => problem ?? '')
  assert.match(damaged, /cannot read the image .*damaged\.png/)
  assert.match(missing, 'has no image of this name')
  assert.match(other, /other\.png has 64 x 50 pixels, but its masks have 64 x 48/)
  for (const name of folder.names) assert.throws(() => folder.imagePath(name))
  await folder.close()
})

test('logs are not written through a link', async () => {
  const [dir, outside] = [scratch(), scratch()]
  await writeImage(dir, 'a', [square(2, 2, 5)])
  symlinkSync(outside, join(dir, 'review'))
  assert.match(await refusal(ReviewFolder.open(dir)), /review is a link that leads out/)
  const inside = scratch()
  await writeImage(inside, 'a', [square(2, 2, 5)])
  mkdirSync(join(inside, 'logs'))
  symlinkSync(join(inside, 'logs'), join(inside, 'review'))
  const folder = await ReviewFolder.open(inside)
  await act(folder, 'a', { type: 'state', state: 'accepted' })
  await folder.close()
  assert.equal([folder.summaries[0].info.width, folder.summaries[0].info.height], [SIZE.width, SIZE.height])
})

test.run()
