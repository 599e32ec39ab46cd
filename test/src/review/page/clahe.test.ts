/** @file Contrast-limited adaptive histogram equalisation: its bounds, and what it does to even and uneven images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clahe, curveOf } from '../../../../src/review/page/image/clahe'
import { randoms } from '../../../support/random'

const size = { width: 128, height: 96 }
const pixels = size.width * size.height

/** Standard deviation within a part of an image. */
function spread(values: Uint8Array, left: number, right: number): number {
  const own = [...values.keys()].filter((at) => at % size.width >= left && at % size.width < right)
  const mean = own.reduce((sum, at) => sum + values[at], 0) / own.length
  return Math.sqrt(own.reduce((sum, at) => sum + (values[at] - mean) ** 2, 0) / own.length)
}

test('curves never fall, and without a limit equalise the histogram', () => {
  const random = randoms(3)
  for (const limit of [1, 3, 1e9]) {
    const counts = Uint32Array.from({ length: 256 }, () => Math.round(40 * Math.abs(random())))
    const curve = curveOf(counts, limit)
    for (let i = 1; i < 256; i++) assert.ok(curve[i] >= curve[i - 1])
  }
  // two values, equally frequent, become a quarter and three quarters of the range
  const two = new Uint32Array(256)
  two[100] = two[101] = 50
  assert.equal([curveOf(two, 1e9)[100], curveOf(two, 1e9)[101]], [64, 191])
})

test('with a limit of 1 nothing changes by more than a gray value', () => {
  const counts = new Uint32Array(256)
  counts[90] = 1000
  const curve = curveOf(counts, 1)
  for (let i = 0; i < 256; i++) assert.ok(Math.abs(curve[i] - i) <= 1, `${i}: ${curve[i]}`)
})

test('weak contrast in the dark and in the bright half is raised in both', async () => {
  const random = randoms(4)
  const values = Uint8Array.from({ length: pixels }, (_, at) =>
    Math.round((at % size.width < 64 ? 30 : 220) + 8 * random()),
  )
  const result = (await clahe(values, size, { parts: 4, limit: 4 }))!
  for (const [left, right] of [
    [0, 48],
    [80, 128],
  ])
    assert.ok(spread(result, left, right) > 2 * spread(values, left, right))
})

test('it pauses between steps, ends when it is not wanted any more, and takes odd sizes', async () => {
  let pauses = 0
  const pause = () => Promise.resolve(void pauses++)
  assert.is((await clahe(new Uint8Array(pixels), size, { parts: 4, limit: 2 }, pause))!.length, pixels)
  assert.is(pauses, 5)
  assert.is(await clahe(new Uint8Array(pixels), size, { parts: 4, limit: 2 }, pause, () => pauses > 7), null)
  assert.is((await clahe(new Uint8Array(3), { width: 1, height: 3 }, { parts: 8, limit: 2 }))!.length, 3)
})

test.run()
