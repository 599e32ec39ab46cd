/** @file Exports accepted images for training, counts corrections, and compares later proposals with accepted masks. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeMask } from '../../../engine/masks/rle'
import { readClassTable } from '../../../src/dataset/class-table'
import { openDataset } from '../../../src/dataset/dataset'
import { exportAnnotations } from '../../../src/dataset/export-annotations'
import { formats } from '../../../src/dataset/formats'
import { readLabels } from '../../../src/images/read-labels'
import { projectFile } from '../../../src/project/project'
import { compareProposals, describeComparison } from '../../../src/review/compare-proposals'
import type { Marking } from '../../../src/project/review/mask-marks'
import { ReviewDocument } from '../../../src/project/review/document'
import { exportAcceptedImages } from '../../../src/review/export-dataset'
import { labelsOf } from '../../../src/project/review/labels-of'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import type { Action } from '../../../src/project/review/review-records'
import { describeCorrections, reportCorrections } from '../../../src/review/corrections-report'
import { put, refusal, scratch } from '../../support/files'
import { made, SIZE, square, writeImage } from '../../support/review'

const accept: Action = { type: 'state', state: 'accepted' }
const remove = (...ids: number[]): Action => ({ type: 'edit', edit: { kind: 'remove', remove: ids, add: [] } })

/** Applies the actions, one after the other. */
async function edit(dir: string, todo: Record<string, Action[]>): Promise<void> {
  const folder = await ReviewFolder.open(dir)
  for (const [name, actions] of Object.entries(todo))
    for (const action of actions) {
      const base = (await folder.history(name)).entries.length
      assert.ok('entry' in (await folder.act(name, { window: 'w', base, action })))
    }
  await folder.close()
}

test('accepted images become a dataset, the smaller mask on top; images no longer accepted are removed from it', async () => {
  const dir = scratch()
  await writeImage(dir, `a "b"`, [square(2, 2, 10), square(6, 6, 4), square(40, 20, 8)])
  await writeImage(dir, 'c', [square(2, 2, 10), square(30, 30, 5)])
  await writeImage(dir, 'left', [square(2, 2, 10)])
  await edit(dir, { [`a "b"`]: [remove(3), accept], c: [accept], left: [remove(1), { type: 'undo' }] })
  const reply = await exportAcceptedImages(dir)
  assert.equal([reply.images, reply.masks, reply.notes], [2, 4, []])
  const { items } = await openDataset(reply.folder)
  assert.equal(
    items.map(({ id, instances }) => [id, instances]),
    [
      [`a "b"`, 2],
      ['c', 2],
    ],
  )
  const labels = await readLabels(join(reply.folder, 'masks', `a "b".png`))
  const at = (x: number, y: number) => labels.data[y * SIZE.width + x]
  assert.equal([at(2, 2), at(7, 7), at(11, 11), at(42, 22), at(0, 0)], [1, 2, 1, 0, 0])
  assert.equal(
    readFileSync(join(reply.folder, 'images', `a "b".png`)),
    readFileSync(projectFile.image(dir, `a "b"`)),
    'the picture byte for byte',
  )
  const corrections = JSON.parse(readFileSync(join(reply.folder, 'corrections.json'), 'utf8'))
  assert.equal(corrections.total, {
    ...{ proposals: 5, masks: 4, removed: 1, edited: 0, added: 0, edits: { remove: 1 } },
  })

  await edit(dir, { c: [{ type: 'state', state: 'in review' }] })
  await exportAcceptedImages(dir)
  assert.equal(readdirSync(join(dir, 'dataset', 'images')), [`a "b".png`])
  assert.equal(readdirSync(join(dir, 'dataset', 'masks')), [`a "b".png`])
  assert.equal(
    readdirSync(dir).filter((name) => name.startsWith('dataset')),
    ['dataset'],
    'nothing is left beside it',
  )
})

test('images that training would reject are left out, with the reason', async () => {
  const dir = scratch()
  const whole = { x0: 0, y0: 0, width: 64, height: 48, data: new Uint8Array(64 * 48).fill(1) }
  await writeImage(dir, 'good', [square(2, 2, 10)])
  await writeImage(dir, 'empty', [square(2, 2, 10)])
  await writeImage(dir, 'tiny', [square(2, 2, 2)])
  await writeImage(dir, 'background', [encodeMask(whole, SIZE)])
  await writeImage(dir, 'covered', [
    square(2, 2, 8),
    encodeMask({ ...whole, x0: 2, y0: 2, width: 4, height: 4, data: new Uint8Array(16).fill(1) }, SIZE),
  ])
  await writeImage(dir, 'hidden', [square(2, 2, 4), square(2, 2, 4), square(20, 20, 9)])
  await edit(
    dir,
    Object.fromEntries(['good', 'tiny', 'background', 'covered', 'hidden'].map((name) => [name, [accept]])),
  )
  await edit(dir, { empty: [remove(1), accept] })
  const { images, masks, notes, folder } = await exportAcceptedImages(dir)
  const { items } = await openDataset(folder)
  assert.equal(
    items.map(({ id }) => id),
    ['covered', 'good', 'hidden'],
  )
  assert.is(images, 3)
  assert.is(
    masks,
    items.reduce((sum, { instances }) => sum + instances, 0),
  )
  assert.match(
    notes.find((note) => note.startsWith('empty'))!,
    'accepted but has no masks',
  )
  assert.match(
    notes.find((note) => note.startsWith('tiny'))!,
    'fewer than the required 16',
  )
  assert.match(
    notes.find((note) => note.startsWith('background'))!,
    'looks like the background',
  )
  assert.match(
    notes.find((note) => note.startsWith('hidden'))!,
    'completely cover mask 2',
  )
  assert.is(notes.length, 4)
})

test('without accepted images nothing is written, and a folder of another program is not overwritten', async () => {
  const dir = scratch()
  await writeImage(dir, 'a', [square(2, 2, 10)])
  assert.match(await refusal(exportAcceptedImages(dir)), 'no image with masks is accepted')
  assert.not(existsSync(join(dir, 'dataset')))
  await edit(dir, { a: [accept] })
  put(join(dir, 'dataset', 'mine.txt'), 'mine')
  assert.match(await refusal(exportAcceptedImages(dir)), 'was not made by `wgsam review`')
  assert.is(readFileSync(join(dir, 'dataset', 'mine.txt'), 'utf8'), 'mine')
})

test('an export killed between its two renames is repaired by the next', async () => {
  const dir = scratch()
  await writeImage(dir, 'a', [square(2, 2, 10)])
  mkdirSync(join(dir, 'dataset.4194305.part', 'images'), { recursive: true })
  put(join(dir, 'dataset.4194306.old', 'corrections.json'), '{}')
  await refusal(exportAcceptedImages(dir))
  assert.equal(
    readdirSync(dir).filter((name) => name.startsWith('dataset')),
    ['dataset'],
  )
  assert.equal(readdirSync(join(dir, 'dataset')), ['corrections.json'])
})

test('the largest number of masks that a label map holds, and one more', () => {
  const size = { width: 256, height: 257 }
  const masks = Array.from({ length: 65536 }, (_, i) =>
    made(i + 1, 'proposal', square(i % 256, Math.floor(i / 256), 1, size)),
  )
  const { labels, hidden } = labelsOf(new ReviewDocument(size, masks.slice(0, 65535)))
  assert.equal([labels.data[0], labels.data[65534], labels.data[65535], hidden.length], [1, 65535, 0, 0])
  assert.throws(() => labelsOf(new ReviewDocument(size, masks)), /65536 masks, and a label map holds 65535/)
})

test('pages of one file are one group; a project’s own groups override this', async () => {
  const dir = scratch()
  const [one, two] = ['p "1", a', 'p "1", b']
  for (const name of [one, two, 'q']) {
    await writeImage(dir, name, [square(2, 2, 10)])
    const path = projectFile.proposals(dir, name)
    const file = JSON.parse(readFileSync(path, 'utf8'))
    file.image.source = name === 'q' ? 'q.tif' : 'stack.tif'
    writeFileSync(path, JSON.stringify(file))
  }
  await edit(dir, { [one]: [accept], [two]: [accept], q: [accept] })
  const groups = async () =>
    (await openDataset((await exportAcceptedImages(dir)).folder)).items.map(({ group }) => group)
  assert.equal(await groups(), ['p "1", a', 'p "1", a', 'q'])
  put(join(dir, 'groups.csv'), `name,group\n"p ""1"", a",x\n"p ""1"", b",y\nq,y\n`)
  assert.equal(await groups(), ['x', 'y', 'y'])
})

test('pixel sizes are exported with the dataset', async () => {
  const dir = scratch()
  for (const name of ['a', 'b']) await writeImage(dir, name, [square(2, 2, 10)])
  const path = projectFile.proposals(dir, 'b')
  const file = JSON.parse(readFileSync(path, 'utf8'))
  file.image.pixelSize = { metres: 2.698e-9, from: 'a test' }
  writeFileSync(path, JSON.stringify(file))
  await edit(dir, { a: [accept], b: [accept] })
  const { folder } = await exportAcceptedImages(dir)
  assert.is(readFileSync(join(folder, 'groups.csv'), 'utf8'), 'name,group,pixel_size\n"a","a",\n"b","b",2.698nm\n')
  assert.equal(
    (await openDataset(folder)).items.map(({ group }) => group),
    ['a', 'b'],
  )
})

test('the report counts the corrections', async () => {
  const dir = scratch()
  await writeImage(dir, 'a', [square(2, 2, 10), square(20, 20, 5), square(40, 10, 5)])
  await writeImage(dir, 'b', [square(2, 2, 10)])
  await writeImage(dir, 'c', [square(2, 2, 10)])
  writeFileSync(projectFile.proposals(dir, 'c'), '')
  const brush: Action = {
    type: 'edit',
    edit: { kind: 'brush', remove: [2], add: [made(4, 'brush', square(20, 20, 6))] },
  }
  const add: Action = { type: 'edit', edit: { kind: 'add', remove: [], add: [made(5, 'add', square(50, 30, 6))] } }
  await edit(dir, { a: [brush, add, remove(1), remove(3), { type: 'undo' }, accept] })
  const report = await reportCorrections(dir)
  assert.equal(report.images[0], {
    ...{ name: 'a', state: 'accepted', proposals: 3, masks: 3, removed: 1, edited: 1, added: 1 },
    edits: { brush: 1, add: 1, remove: 1 },
  })
  assert.equal(report.total.proposals, 4)
  assert.equal(
    report.problems.map(({ name }) => name),
    ['c'],
  )
  const words = describeCorrections(report)
  assert.match(words, /a +accepted +3 +1 +1 +1 +3\n/)
  assert.match(words, /all +1 accepted +4 +1 +1 +1 +4/)
})

test('later proposals are compared with the accepted masks', async () => {
  const [dir, other] = [scratch(), scratch()]
  // of the first proposals one is right, one covers half a particle, one is spurious, and one particle is missing
  await writeImage(dir, 'a', [square(2, 2, 10), square(20, 20, 5), square(50, 2, 6)])
  await writeImage(dir, 'not accepted', [square(2, 2, 10)])
  await writeImage(other, 'a', [square(2, 2, 10), square(20, 20, 10), square(40, 30, 7)])
  await writeImage(other, 'not accepted', [])
  const mend: Action = {
    type: 'edit',
    edit: { kind: 'redraw', remove: [2], add: [made(4, 'redraw', square(20, 20, 10))] },
  }
  const add: Action = { type: 'edit', edit: { kind: 'add', remove: [], add: [made(5, 'add', square(40, 30, 8))] } }
  await edit(dir, { a: [mend, add, remove(3), accept] })
  const comparison = await compareProposals(dir, other)
  assert.equal(
    comparison.images.map(({ name }) => name),
    ['a'],
  )
  const [loose, strict] = comparison.before.at
  assert.equal([loose.found, loose.precision, loose.recall], [1, 1 / 3, 1 / 3])
  assert.equal(strict.found, 1)
  assert.equal(comparison.before.countError, 0)
  // 49 of 64 pixels are an IoU of 0.77
  assert.equal(
    comparison.after.at.map(({ found }) => found),
    [3, 3],
  )
  assert.match(describeComparison(comparison), /all +at first +3 +3 +0\.0 +33\.3/)
  assert.match(await refusal(compareProposals(dir, scratch())), 'proposals for none of the 1 accepted')
  assert.match(await refusal(compareProposals(other, dir)), /has no accepted image to compare with/)
  await writeImage(other, 'a', [], { width: 10, height: 10 })
  assert.match(await refusal(compareProposals(dir, other)), /64 x 48 pixels here, but 10 x 10/)
})

test('classes, comments and ImageJ regions are exported with the label maps, and classes go into COCO and labelme', async () => {
  const dir = scratch()
  await writeImage(dir, 'a', [square(2, 2, 10), square(20, 6, 6), square(40, 20, 8)])
  const mark = (mark: Marking): Action => ({ type: 'mark', mark })
  await edit(dir, {
    a: [
      remove(1),
      mark({ ids: [2], className: 'rod', comment: 'bent, "odd"' }),
      mark({ ids: [3], className: 'sphere' }),
      mark({ ids: [], comment: 'dark' }),
      mark({ ids: [3], className: null }),
      accept,
    ],
  })
  const { folder } = await exportAcceptedImages(dir)
  const text = (name: string) => readFileSync(join(folder, name), 'utf8')
  // label 1 is mask 2
  assert.is(text('classes.csv'), 'name,label,class\na,1,rod\n')
  assert.is(text('comments.csv'), 'name,label,comment\na,0,dark\na,1,"bent, ""odd"""\n')
  const rois = await formats.imagej.read(join(folder, 'rois'), { images: '', closeLines: false, suffix: '' })
  assert.equal(
    rois.images.map(({ file }) => file),
    ['a'],
  )
  const read = await rois.images[0].read(SIZE)
  assert.is('shapes' in read && read.shapes.length, 2)
  const { items } = await openDataset(folder)
  const classes = await readClassTable(folder)
  const options = { items, classes, partOf: null, className: 'particle', withImages: false, polygons: false }
  await exportAnnotations({ ...options, out: join(dir, 'coco'), format: formats.coco })
  const coco = JSON.parse(readFileSync(join(dir, 'coco', 'annotations.json'), 'utf8'))
  assert.equal(coco.categories, [
    { id: 1, name: 'particle' },
    { id: 2, name: 'rod' },
  ])
  assert.equal(
    coco.annotations.map((one: { category_id: number }) => one.category_id),
    [2, 1],
  )
  await exportAnnotations({ ...options, out: join(dir, 'labelme'), format: formats.labelme })
  const labelme = JSON.parse(readFileSync(join(dir, 'labelme', 'labelme', 'a.json'), 'utf8'))
  assert.equal(
    labelme.shapes.map(({ label }: { label: string }) => label),
    ['rod', 'particle'],
  )
})

test.run()
