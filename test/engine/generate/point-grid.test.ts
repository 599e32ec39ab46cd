/** @file The grids of points that prompt the model. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { gridPoints, layerPoints } from '../../../engine/generate/point-grid'

test('the grid of the reference', () => {
  assert.equal(gridPoints(1), [[0.5, 0.5]])
  assert.equal(gridPoints(2), [
    [0.25, 0.25],
    [0.75, 0.25],
    [0.25, 0.75],
    [0.75, 0.75],
  ])
  const o = { pointGrids: null, pointsPerSide: 5, cropNPointsDownscaleFactor: 2 }
  assert.is(layerPoints(o, 0, { width: 10, height: 20 }).length, 25)
  assert.equal(layerPoints(o, 2, { width: 10, height: 20 }), [[5, 10]])
  assert.equal(layerPoints(o, 3, { width: 10, height: 20 }), [])
})

test.run()
