/** @file A second annotator's review: independent of the first, and the agreement of the two. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFile } from '../../../src/project/project'
import type { Action, EditKind } from '../../../src/project/review/review-records'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import { agreement, describeAgreement } from '../../../src/review/agreement'
import { agreementLine, readAgreements } from '../../../src/review/agreement-file'
import { exportAcceptedImages } from '../../../src/review/export-dataset'
import { command as evaluate } from '../../../src/commands/eval'
import { command } from '../../../src/commands/review'
import { refusal, scratch } from '../../support/files'
import { made, square, writeImage } from '../../support/review'

const accept: Action = { type: 'state', state: 'accepted' }
const edit = (kind: EditKind, remove: number[], add: ReturnType<typeof made>[] = []): Action => ({
  type: 'edit',
  edit: { kind, remove, add },
})

async function act(dir: string, annotator: string | undefined, todo: Record<string, Action[]>): Promise<void> {
  const folder = await ReviewFolder.open(dir, undefined, annotator)
  for (const [name, actions] of Object.entries(todo))
    for (const action of actions) {
      const base = (await folder.history(name)).entries.length
      assert.ok('entry' in (await folder.act(name, { window: 'w', base, action })))
    }
  await folder.close()
}

async function project(): Promise<string> {
  const dir = scratch()
  const masks = [square(2, 2, 10), square(20, 6, 10), square(40, 20, 10)]
  for (const name of ['a', 'b', 'c']) await writeImage(dir, name, masks)
  return dir
}

test('a second review begins from the proposals and leaves the first one as it is', async () => {
  const dir = await project()
  await act(dir, undefined, { a: [edit('remove', [1]), accept] })
  const before = readFileSync(projectFile.log(dir, 'a'))
  await act(dir, 'anna', { a: [edit('remove', [3])] })
  assert.equal(readFileSync(projectFile.log(dir, 'a')), before)
  assert.ok(existsSync(projectFile.log(dir, 'a', 'anna')))
  const folder = await ReviewFolder.open(dir, undefined, 'anna')
  // both are open at the same time
  const first = await ReviewFolder.open(dir)
  assert.is(folder.summaries[0].state, 'in review')
  assert.is(first.summaries[0].state, 'accepted')
  assert.equal(
    first.summaries.map(({ info }) => info.name),
    ['a', 'b', 'c'],
  )
  await folder.close()
  await first.close()
})

test('the agreement counts what both have, how well, and names images that only one has accepted', async () => {
  const dir = await project()
  await act(dir, undefined, { a: [accept], b: [edit('remove', [1]), accept], c: [accept] })
  // in a half of one mask is gone, in b all is as the first has it, except for the mask that was removed there
  const half = made(4, 'redraw', square(2, 2, 8))
  await act(dir, 'anna', { a: [edit('redraw', [1], [half]), accept], b: [accept] })
  const result = await agreement(dir, 'anna')
  assert.equal(
    result.images.map(({ name, scores }) => [name, scores.instances, scores.masks, scores.at[0].found]),
    [
      ['a', 3, 3, 3],
      ['b', 2, 3, 2],
    ],
  )
  assert.ok(Math.abs(result.images[0].meanIou - (1 + 1 + 0.64) / 3) < 1e-9)
  assert.is(result.images[1].meanIou, 1)
  assert.ok(Math.abs(result.scores.at[0].f1 - 10 / 11) < 1e-9)
  // at IoU 0.75 the mask of 64 of 100 pixels is no match
  assert.is(result.images[0].scores.at[1].found, 2)
  assert.equal(result.waiting, ['c'])
  assert.match(describeAgreement(result), 'only one of you has accepted: c')
})

test('the exported dataset has the agreement, and an evaluation on it says so', async () => {
  const dir = await project()
  await act(dir, undefined, { a: [accept], b: [accept] })
  const { folder } = await exportAcceptedImages(dir)
  assert.equal(await readAgreements([folder]), [], 'nobody else has reviewed anything')
  await act(dir, 'anna', { a: [edit('remove', [1]), accept], b: [accept] })
  await act(dir, 'otto', { a: [edit('remove', [1])] })
  await exportAcceptedImages(dir)
  const [anna, ...others] = await readAgreements([folder, scratch()])
  assert.equal(others, [], 'otto has accepted nothing yet')
  const [at] = anna.f1
  assert.equal([anna.annotator, anna.images, anna.meanIou, at.iou], ['anna', 2, 1, 0.5])
  assert.ok(Math.abs(at.f1! - 10 / 11) < 1e-9)
  assert.match(agreementLine(anna), 'agree on 2 images of the dataset to F1 90.9 % at IoU 0.5')
  const out = join(dir, 'eval.json')
  const report = join(dir, 'eval.html')
  const toy = { model: 'golden/files/toy_vit.pth', 'model-config': 'golden/files/toy_vit.json', size: '32' }
  const values = {
    ...toy,
    data: [folder],
    split: 'all',
    prompt: 'point',
    rivals: 'none',
    instances: '1',
    resamples: '0',
  }
  assert.is(await evaluate.run({ ...values, out, report } as never, []), 0)
  assert.is(JSON.parse(readFileSync(out, 'utf8')).agreements[0].annotator, 'anna')
  assert.match(readFileSync(report, 'utf8'), 'the first and anna, agree on 2 images')
  writeFileSync(join(folder, 'agreement.json'), '{}')
  assert.match(await refusal(readAgreements([folder])), 'export the dataset again')
})

test('without an image that both have accepted it says so; the dataset is that of the first review', async () => {
  const dir = await project()
  await act(dir, undefined, { a: [accept] })
  assert.match(await refusal(agreement(dir, 'anna')), 'only one of you has accepted a')
  const run = (values: Record<string, unknown>) => refusal(Promise.resolve(command.run(values as never, [dir])))
  assert.match(await run({ annotator: 'anna', export: true }), 'leave out --annotator')
  assert.match(await run({ annotator: '../up', report: true }), '1 to 40 letters')
})

test.run()
