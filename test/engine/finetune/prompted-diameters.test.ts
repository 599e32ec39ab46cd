/** @file The sizes that a training shows, against sizes known from the labels. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadItem, openDataset } from '../../../src/dataset/dataset'
import { promptedDiameters } from '../../../engine/finetune/prompted-diameters'
import { png16, png8, scratch } from '../../support/files'
import { toyConfig } from '../../support/toy-training'

const folder = scratch()
test.after(() => rm(folder, { recursive: true, force: true }))

/** Three images of 160x160 with 16 squares each, of 12, 20 and 28 pixels: at an input of 80 half as large. */
for (const [i, side] of [12, 20, 28].entries()) {
  const labels = new Uint16Array(160 * 160)
  for (let k = 0; k < 16; k++) {
    const [x, y] = [40 * (k % 4) + 5, 40 * Math.floor(k / 4) + 5]
    for (let row = 0; row < side; row++) labels.fill(k + 1, (y + row) * 160 + x, (y + row) * 160 + x + side)
  }
  await png8(join(folder, 'images', `p${i}.png`), 160, 160, new Uint8Array(160 * 160).fill(90))
  await png16(join(folder, 'masks', `p${i}.png`), 160, 160, labels)
}
const { items } = await openDataset(folder)
const diameter = (side: number) => Number(((2 * side) / Math.sqrt(Math.PI)).toFixed(2))

test('without augmentation the diameters are those of the labels, at the input', async () => {
  const found = await promptedDiameters(
    items,
    toyConfig(folder, { augment: false, prompts: { minArea: 16 } }),
    loadItem,
    null,
  )
  assert.equal(found, [diameter(6), diameter(6), diameter(10), diameter(14), diameter(14)])
})

test('particles that are too small to be prompted do not count', async () => {
  const found = await promptedDiameters(
    items,
    toyConfig(folder, { augment: false, prompts: { minArea: 50 } }),
    loadItem,
    null,
  )
  assert.is(found[1], diameter(10), 'of an image of small particles only the largest is prompted')
})

test('crops magnify; the same seed gives the same quantiles', async () => {
  const config = toyConfig(folder, { augment: { crop: 0.5 } })
  const found = await promptedDiameters(items, config, loadItem, null)
  assert.equal(await promptedDiameters(items, config, loadItem, null), found)
  assert.ok(found.every((value, i) => !i || value >= found[i - 1]))
  assert.ok(found[4] > 1.3 * diameter(14), `views of half the image show particles larger: ${found}`)
  assert.ok(found[4] < 2.1 * diameter(14))
})

test.run()
