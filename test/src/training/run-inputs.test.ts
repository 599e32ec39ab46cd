/** @file A run is resumed only with the data that it began with. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDataset } from '../../../src/dataset/dataset'
import { runFolder } from '../../../src/training/run-folder'
import { checkInputs } from '../../../src/training/run-inputs'
import { temporary, toyData } from '../../support/toy-training'

const scratch = await temporary()
test.after(() => rm(scratch, { recursive: true }))
const folder = await toyData(join(scratch, 'data'), 6)
const run = runFolder(join(scratch, 'run'))

async function data() {
  const { items } = await openDataset(folder)
  return { train: items.slice(0, 3), val: items.slice(3, 5), test: items.slice(5) }
}
const refusal = (promise: Promise<unknown>) => promise.then(String, (error: Error) => `${error.name}: ${error.message}`)

test('the same data are accepted, also from another folder', async () => {
  await checkInputs(run, await data())
  await checkInputs(run, await data())
  assert.equal(JSON.parse(await readFile(run.inputs, 'utf8')).split.val.length, 2)
})

test('a changed split, image or mask is named', async () => {
  const parts = await data()
  const [a, b, c, d, e, f] = [...parts.train, ...parts.val, ...parts.test]
  const cases: [Awaited<ReturnType<typeof data>>, RegExp][] = [
    [
      { train: [a, b, c], val: [f], test: [d, e] },
      new RegExp(`no longer in val: ${d.id}, ${e.id}\\n  new in val: ${f.id}`),
    ],
    [{ train: [a, c, b], val: [d, e], test: [f] }, /the images of train are in another order/],
    [{ train: [a, b], val: [c, d, e], test: [f] }, new RegExp(`no longer in train: ${c.id}`)],
  ]
  for (const [other, message] of cases) {
    const said = await refusal(checkInputs(run, other))
    assert.match(said, /^UserError: .*run cannot be resumed/)
    assert.match(said, message)
    assert.match(said, /Restore them, or begin a new run/)
  }
  for (const [path, message] of [
    [b.imagePath, `1 images have other contents: ${b.id}`],
    [d.labels.path, `the labels of 1 images have other contents: ${d.id}`],
  ]) {
    const bytes = await readFile(path)
    await writeFile(path, Buffer.concat([bytes, Buffer.from([0])]))
    assert.match(await refusal(checkInputs(run, parts)), message)
    await writeFile(path, bytes)
  }
  // nothing of the test is read before it is over
  await rename(f.imagePath, `${f.imagePath}.away`)
  await checkInputs(run, parts)
  await rename(`${f.imagePath}.away`, f.imagePath)
})

test('a damaged record says what to do', async () => {
  await writeFile(run.inputs, '{"version":1')
  assert.match(await refusal(checkInputs(run, await data())), /^UserError: .*inputs\.json.* is damaged.*Delete it/)
})

test.run()
