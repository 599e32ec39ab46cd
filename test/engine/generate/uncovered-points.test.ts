/** @file Points in what no mask covers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { uncoveredPoints } from '../../../engine/generate/uncovered-points'
import { packMask } from '../../../engine/masks/bit-mask'
import { block } from '../../support/masks'

test('points where no mask is, the middle of the largest gap first', () => {
  const size = { width: 200, height: 100 }
  const masks = [block(60, 0, 140, 100), block(0, 60, 60, 40)].map(packMask)
  const points = uncoveredPoints(masks, size, 5)
  assert.ok(Math.abs(points[0][0] - 30) <= 1 && Math.abs(points[0][1] - 30) <= 1, String(points[0]))
  for (const [x, y] of points) assert.ok(x < 60 && y < 60)
  assert.is(uncoveredPoints([], size, 3).length <= 3, true)
  assert.equal(uncoveredPoints([packMask(block(0, 0, 200, 100))], size, 5), [])
  assert.equal(uncoveredPoints(masks, size, 0), [])
  // a large image is looked at coarsely
  const [[x, y]] = uncoveredPoints([packMask(block(0, 0, 4000, 300))], { width: 4500, height: 300 }, 1)
  assert.ok(Math.abs(y - 150) < 4 && x > 4100 && x < 4400)
})

test.run()
