/** @file Existing masks are opened for review: label maps, COCO annotations and ROI sets, with all of their pixels. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openDataset } from '../../../src/dataset/dataset'
import { exportAnnotations } from '../../../src/dataset/export-annotations'
import { formats } from '../../../src/dataset/formats'
import { readLabels } from '../../../src/images/read-labels'
import { labelsOf } from '../../../src/project/review/labels-of'
import { findImages } from '../../../src/project/review/image-list'
import { readReviewed } from '../../../src/project/review/reviewed-image'
import { importMasks } from '../../../src/review/import-masks'
import { writeSynth } from '../../../src/synth/synth-dataset'
import { scratch } from '../../support/files'

const data = join(scratch(), 'scenes')
await writeSynth(data, { count: 2, width: 80, height: 64, seed: 7, particles: [4, 6] })

/** Every image's masks as a review begins with them, as label maps. */
async function reviewed(dir: string) {
  return Promise.all(
    (await findImages(dir)).map(async (image) => {
      const { document } = await readReviewed(dir, image)
      for (const { origin, source, predictedIou } of document.masks)
        assert.equal([origin, source, predictedIou], ['proposal', 'imported', null])
      return labelsOf(document).labels.data
    }),
  )
}
const truth = async (name: string) => (await readLabels(join(data, 'masks', `${name}.png`))).data
const expected = [await truth('scene-0001'), await truth('scene-0002')]

/** Labels in the order of their first pixels: annotations are not numbered. */
function renumbered(labels: ArrayLike<number>): number[] {
  const known = new Map([[0, 0]])
  return Array.from(labels, (label) => known.get(label) ?? (known.set(label, known.size), known.size - 1))
}

test('label maps', async () => {
  const dir = join(scratch(), 'maps')
  cpSync(data, dir, { recursive: true })
  const imported = (await importMasks(dir))!
  assert.equal([imported.images, imported.notes], [2, []])
  assert.equal(await reviewed(dir), expected)
  assert.equal(readFileSync(join(dir, 'masks', 'scene-0001.png')), readFileSync(join(data, 'masks', 'scene-0001.png')))
  assert.is(await importMasks(dir), null, 'once: then it is a project')
})

for (const format of ['coco', 'imagej'] as const)
  test(`annotations: ${format}`, async () => {
    const out = join(scratch(), format)
    const { items } = await openDataset(data)
    const options = { className: 'particle', withImages: true, polygons: false, partOf: null }
    await exportAnnotations({ ...options, items, out, format: formats[format] })
    const imported = (await importMasks(out))!
    assert.ok(imported, `${format} is found`)
    assert.is(imported.images, 2)
    assert.equal((await reviewed(out)).map(renumbered), expected.map(renumbered))
  })

test('a folder of images alone has nothing to open', async () => {
  const dir = join(scratch(), 'plain')
  cpSync(join(data, 'images'), dir, { recursive: true })
  assert.is(await importMasks(dir), null)
  assert.not(existsSync(join(dir, 'proposals')))
  rmSync(dir, { recursive: true })
})

test.run()
