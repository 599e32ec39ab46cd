/** @file The parts in which the prompt tool sees images: from their masks, the folder's, or a stated diameter. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultBand } from '../../../engine/scale/view'
import { parseDiameter } from '../../../src/images/diameter'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import { promptViews } from '../../../src/review/prompt-views'
import { refusal, scratch } from '../../support/files'
import { made, square, writeImage } from '../../support/review'

const size = { width: 900, height: 900 }
const squares = (count: number, side: number) =>
  Array.from({ length: count }, (_, i) => square(10 + 60 * (i % 10), 10 + 60 * Math.floor(i / 10), side, size))
const diameterOf = (side: number) => Math.sqrt((4 * side * side) / Math.PI)

const dir = scratch()
await writeImage(dir, 'few', squares(4, 40), size)
await writeImage(dir, 'large', squares(8, 50), size)
await writeImage(dir, 'small', squares(8, 8), size)
await writeImage(dir, 'tiny', squares(30, 6), size)

test('the diameter is the median of an image’s masks, with fewer than five that of the folder’s images', async () => {
  const folder = await ReviewFolder.open(dir)
  const viewOf = promptViews(folder, 'auto', null)!
  const small = viewOf('small', 1024)
  assert.ok(Math.abs(small.diameter! - diameterOf(8)) < 1e-9)
  assert.is(small.tileSize, 512)
  assert.ok(Math.abs(viewOf('tiny', 1024).diameter! - diameterOf(6)) < 1e-9)
  assert.is(viewOf('large', 1024).tileSize, 0, 'large enough in the whole image')
  assert.ok(Math.abs(viewOf('few', 1024).diameter! - diameterOf(8)) < 1e-9, 'the median of 6, 8 and 50')
  // a model that knows smaller particles needs no tiles
  const knowing = promptViews(folder, 'auto', null)!
  assert.is(knowing('small', 1024, { ...defaultBand, low: 5 }).tileSize, 0)

  // more masks do not change the view of an image that has one
  const add = [made(9, 'add', square(700, 700, 90, size))]
  await folder.act('small', { window: 'w', base: 0, action: { type: 'edit', edit: { kind: 'add', remove: [], add } } })
  assert.is(viewOf('small', 1024), small)
  await folder.close()
})

test('a folder without masks is seen whole until an image has five', async () => {
  const empty = scratch()
  await writeImage(empty, 'a', [], size)
  const folder = await ReviewFolder.open(empty)
  const viewOf = promptViews(folder, 'auto', null)!
  assert.equal([viewOf('a', 1024).tileSize, viewOf('a', 1024).diameter], [0, null])
  const masks = squares(5, 8).map((mask, i) => made(1 + i, 'add', mask))
  for (const [base, mask] of masks.entries())
    await folder.act('a', {
      window: 'w',
      base,
      action: { type: 'edit', edit: { kind: 'add', remove: [], add: [mask] } },
    })
  assert.is(viewOf('a', 1024).tileSize, 512)
  await folder.close()
})

test('a stated diameter, and none', async () => {
  const folder = await ReviewFolder.open(dir)
  assert.is(promptViews(folder, 'none', null), null)
  const pixels = promptViews(folder, parseDiameter('12px'), null)!('large', 1024)
  assert.equal([pixels.diameter, pixels.tileSize], [12, 512])
  const metres = parseDiameter('24nm')
  const scaled = promptViews(folder, metres, { metres: 2e-9, source: 'typed' } as never)!('large', 1024)
  assert.ok(Math.abs(scaled.diameter! - 12) < 1e-9)
  const refused = await refusal(Promise.resolve().then(() => promptViews(folder, metres, null)))
  assert.match(refused, /few: --diameter is a length/)
  await folder.close()
})

test.run()
