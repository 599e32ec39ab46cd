/** @file Damaged proposals, candidates and logits are refused by the name of the file and the mask. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compressCounts, encodeMask } from '../../../engine/masks/rle'
import { readCandidates, readProposals } from '../../../src/project/read-proposals'
import { readWithLogits } from '../../../src/project/logits-file'
import { projectFile } from '../../../src/project/project'
import { writeSafetensors } from '../../../src/weights/safetensors-writer'
import { put, refusal, scratch } from '../../support/files'
import { square } from '../../support/review'
import { candidatesOf, proposalsOf } from '../../support/project-files'

const dir = scratch()
const [proposals, candidates] = ['proposals', 'candidates'].map((kind) => join(dir, kind, 'a.json'))

test('a damaged run length is found when the file is read, with the file and the mask', async () => {
  const good = proposalsOf([square(1, 1, 5), square(9, 9, 4)])
  put(proposals, JSON.stringify(good))
  assert.is((await readProposals(dir, 'a')).records.length, 2)
  for (const counts of ['', '0', 'zzzz', `${square(1, 1, 5).counts}1`]) {
    const bad = structuredClone(good)
    bad.records[1].segmentation.counts = counts
    put(proposals, JSON.stringify(bad))
    const message = await refusal(readProposals(dir, 'a'))
    assert.ok(message.startsWith(`cannot use ${proposals}: mask 2 is damaged: `), message)
    put(candidates, JSON.stringify(candidatesOf([square(1, 1, 5), { size: [48, 64], counts }])))
    assert.match(await refusal(readCandidates(dir, 'a')), 'mask 2 is damaged')
  }
})

test('masks that would fill the memory are refused before they are decoded', async () => {
  const large = { width: 20_000, height: 20_000 }
  const corner = { x0: 0, y0: 0, width: 1, height: 1, data: Uint8Array.of(1) }
  const whole = encodeMask(corner, large)
  // from the first pixel to the last
  whole.counts = compressCounts([0, 1, 20_000 ** 2 - 2, 1])
  put(proposals, JSON.stringify(proposalsOf(Array(20).fill(whole), large)))
  assert.match(await refusal(readProposals(dir, 'a')), 'cover the image more than 16 times')
  put(proposals, JSON.stringify(proposalsOf([], { width: 2 ** 20, height: 2 ** 20 })))
  assert.match(await refusal(readProposals(dir, 'a')), '1048576x1048576 pixels are more than')
})

test('other fields are named in words', async () => {
  const wrong = { ...proposalsOf([]), version: 2 }
  put(proposals, JSON.stringify(wrong))
  assert.is(await refusal(readProposals(dir, 'a')), `cannot use ${proposals}: version is 2, not 1`)
  assert.is(
    await refusal(readProposals(dir, 'none')),
    `cannot use ${projectFile.proposals(dir, 'none')}: there is no such file or folder`,
  )
})

test('damaged windows of logits are refused by file', async () => {
  const file = candidatesOf([square(1, 1, 5)])
  const path = join(dir, 'candidates', 'a.safetensors')
  const window = { token: 0, x0: 0, y0: 0, side: 64, inputSize: 256, lowest: -1 }
  const write = (windows: string, shape = [2, 3]) =>
    writeSafetensors(path, [{ name: '0', shape, data: new Float32Array(shape[0] * shape[1]) }], { windows })
  await write(JSON.stringify([window]))
  assert.is((await readWithLogits(dir, file)).candidates.length, 1)
  for (const text of ['', '{', '[null', '[]', '[{}]', '[1e999]']) {
    await write(text)
    assert.match(await refusal(readWithLogits(dir, file)), `${path} is damaged, or does not belong`)
  }
  await write(JSON.stringify([{ ...window, x0: 62 }]))
  assert.match(await refusal(readWithLogits(dir, file)), `${path}: candidate 0: its logits extend beyond their plane`)
  assert.ok(readFileSync(path).length > 0)
})

test.run()
