import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { windowMap } from '../../../engine/ops/windows'
import { engine } from '../../support/engine'

test('windows are ordered row by row, with padding right and below, and each padded position has its own number', async () => {
  const map = windowMap(engine, { batch: 2, height: 3, width: 5, window: 2 })
  const { rows: tensor, ...sizes } = map
  assert.equal(sizes, { windows: 12, sideH: 2, sideW: 2, length: 4, tokens: 30, pads: 18 })
  const rows = [...new Uint32Array(await engine.readBytes(tensor))]
  assert.equal(rows.slice(0, 8), [0, 1, 5, 6, 2, 3, 7, 8])
  // third window: column 4 and a padded one
  assert.equal(rows.slice(8, 12), [4, 30, 9, 31])
  // second row of windows: row 2 and a padded one; second image from row 15 on
  assert.equal(rows.slice(12, 16), [10, 11, 32, 33])
  assert.equal(rows.slice(24, 28), [15, 16, 20, 21])
  assert.equal(
    [...rows].sort((a, b) => a - b),
    [...Array(48).keys()],
  )
})

test('window 0 is one window an image; a map is made once', async () => {
  const shape = { batch: 2, height: 3, width: 4, window: 0 }
  const map = windowMap(engine, shape)
  const { rows: tensor, ...sizes } = map
  assert.equal(sizes, { windows: 2, sideH: 3, sideW: 4, length: 12, tokens: 24, pads: 0 })
  assert.equal([...new Uint32Array(await engine.readBytes(tensor))], [...Array(24).keys()])
  assert.is(windowMap(engine, { ...shape }), map)
})

test.run()
