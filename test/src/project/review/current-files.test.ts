/** @file Label maps, overlays and tables of a project follow its review; files that a person made do not change. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '../../../../src/cli/command'
import { command } from '../../../../src/commands/generate'
import { command as refilterCommand } from '../../../../src/commands/generate/refilter'
import { readLabels } from '../../../../src/images/read-labels'
import { projectFile } from '../../../../src/project/project'
import { ReviewFolder } from '../../../../src/project/review/review-folder'
import type { Action } from '../../../../src/project/review/review-records'
import { exportAcceptedImages } from '../../../../src/review/export-dataset'
import { writeSynth } from '../../../../src/synth/synth-dataset'
import { scratch } from '../../../support/files'
import { square, writeImage } from '../../../support/review'

const dir = join(scratch(), 'project')
const images = scratch()
await writeSynth(images, { count: 2, width: 96, height: 96, seed: 5, particles: [5, 6] })

async function quietly(...argv: string[]): Promise<void> {
  const { log } = console
  console.log = () => {}
  try {
    const chosen = argv[0] === 'refilter' ? refilterCommand : command
    const { values, positionals } = parse(chosen, argv[0] === 'refilter' ? argv.slice(1) : argv)
    await chosen.run(values, positionals)
  } finally {
    console.log = log
  }
}

const generate = () =>
  quietly(join(images, 'images'), '--method', 'watershed', '--write', 'labels,tiff,overlay,csv,coco', '--out', dir)
const labelsIn = async (name: string, path = projectFile.labels(dir, name)) =>
  new Set((await readLabels(path)).data.filter((label) => label)).size
const rows = (name: string) =>
  readFileSync(join(dir, 'particles.csv'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${name},`)).length
const annotations = () => JSON.parse(readFileSync(join(dir, 'annotations.json'), 'utf8')).annotations.length

async function edit(folder: ReviewFolder, name: string, ...actions: Action[]): Promise<void> {
  for (const action of actions) {
    const { entries } = await folder.history(name)
    await folder.act(name, { window: 'w', base: entries.length, action })
  }
}
const remove = (...ids: number[]): Action => ({ type: 'edit', edit: { kind: 'remove', remove: ids, add: [] } })
const accept: Action = { type: 'state', state: 'accepted' }

await generate()
const [first, second] = ['scene-0001', 'scene-0002']
const before = [rows(first), rows(second)]

test('accepting writes the label map again, closing the tables; an image without edits keeps its files', async () => {
  assert.ok(Math.min(...before) >= 2, `${before} masks are too few for a test`)
  const untouched = statSync(projectFile.labels(dir, second)).mtimeMs
  const folder = await ReviewFolder.open(dir)
  await edit(folder, first, remove(1), accept)
  await folder.close()
  assert.is(await labelsIn(first), before[0] - 1)
  assert.is(await labelsIn(first, join(dir, 'labels', `${first}.tif`)), before[0] - 1)
  assert.equal([rows(first), rows(second)], [before[0] - 1, before[1]])
  assert.is(annotations(), before[0] - 1 + before[1])
  assert.is(statSync(projectFile.labels(dir, second)).mtimeMs, untouched)
})

test('generating and filtering again write no proposals over it', async () => {
  await generate()
  assert.equal([rows(first), await labelsIn(first)], [before[0] - 1, before[0] - 1])
  await quietly('refilter', dir, '--min-area', '1')
  assert.equal([rows(first), annotations()], [before[0] - 1, before[0] - 1 + before[1]])
})

test('an export brings them up to date while the review is open, also an image that is not accepted', async () => {
  const folder = await ReviewFolder.open(dir)
  try {
    await edit(folder, second, remove(1))
    await exportAcceptedImages(dir)
    assert.equal([rows(second), await labelsIn(second)], [before[1] - 1, before[1] - 1])
  } finally {
    await folder.close()
  }
})

test('files in a folder that generate has not made belong to a person', async () => {
  const own = scratch()
  await writeImage(own, 'a', [square(2, 2, 10), square(30, 20, 8)])
  const files = ['annotations.json', 'particles.csv'].map((name) => join(own, name))
  const { writeFileSync, mkdirSync } = await import('node:fs')
  for (const path of files) writeFileSync(path, 'mine')
  mkdirSync(join(own, 'labels'))
  writeFileSync(projectFile.labels(own, 'a'), 'mine')
  const folder = await ReviewFolder.open(own)
  await edit(folder, 'a', remove(1), accept)
  await folder.close()
  for (const path of [...files, projectFile.labels(own, 'a')]) assert.is(readFileSync(path, 'utf8'), 'mine')
})

test.run()
