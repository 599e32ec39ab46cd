/** @file Input images from command-line paths: order, unique names, missing files. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../../../src/host/errors'
import { listInputs } from '../../../src/project/input-images'

const folder = (files: string[]) => {
  const dir = mkdtempSync(join(tmpdir(), 'wgsam-inputs-'))
  for (const file of files) writeFileSync(join(dir, file), '')
  return dir
}

test('images of a folder in order, other files ignored', async () => {
  const dir = folder(['b.png', 'a.TIF', 'notes.txt', '.hidden.png', 'it\'s "odd" ünï.jpg'])
  assert.equal(
    (await listInputs([dir])).map(({ name }) => name),
    ['a', 'b', 'it\'s "odd" ünï'],
  )
})

test('names are unique across folders and regardless of case', async () => {
  const [one, two] = [folder(['a.png', 'A.tif', 'b.png']), folder(['b.png', 'a.png'])]
  const names = (await listInputs([one, two])).map(({ name }) => name)
  assert.is(new Set(names.map((name) => name.toLowerCase())).size, 5)
  assert.equal(names, ['a.png', 'A.tif', 'b.png', 'a.png-2', 'b.png-2'])
})

test('a folder of images/, a file given twice', async () => {
  const dir = folder([])
  mkdirSync(join(dir, 'images'))
  writeFileSync(join(dir, 'images', 'x.png'), '')
  assert.is((await listInputs([dir, join(dir, 'images', 'x.png')])).length, 1)
})

test('missing paths and folders without images are errors', async () => {
  for (const paths of [[folder([])], ['/no such/place']]) {
    const error = await listInputs(paths).then(
      () => null,
      (e: Error) => e,
    )
    assert.instance(error, UserError)
  }
})

test.run()
