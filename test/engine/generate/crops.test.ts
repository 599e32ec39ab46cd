/** @file The crops of the reference implementation, and which masks count as cut by one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cropRegions, isCutByCrop } from '../../../engine/generate/crops'
import { boxOf, regionOf } from '../../support/masks'

test('the crops of the reference', () => {
  // worked out by hand: overlap floor(0.25 * 80) = 20 in layer 1, 10 in layer 2
  const crops = cropRegions({ width: 100, height: 80 }, { cropNLayers: 2, cropOverlapRatio: 0.25 })
  assert.is(crops.length, 1 + 4 + 16)
  assert.equal(
    crops.slice(0, 5).map(({ region }) => region),
    [
      regionOf(0, 0, 100, 80),
      regionOf(0, 0, 60, 50),
      regionOf(0, 30, 60, 80),
      regionOf(40, 0, 100, 50),
      regionOf(40, 30, 100, 80),
    ],
  )
  assert.equal(crops[5], { region: regionOf(0, 0, 33, 28), layer: 2 })
  assert.equal(crops[20].region, regionOf(69, 54, 100, 80))
  const size = { width: 100, height: 80 }
  assert.is(isCutByCrop(boxOf(0, 0, 30, 49), regionOf(0, 0, 60, 50), size), true)
  assert.is(isCutByCrop(boxOf(0, 0, 39, 29), regionOf(0, 0, 60, 50), size), false)
  assert.is(isCutByCrop(boxOf(0, 0, 99, 79), regionOf(0, 0, 100, 80), size), false)
})

test.run()
