/** Label maps, points and options: what is asked, painted and refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { labelMap } from '../../../engine/masks/label-map'
import { checkGeneratorOptions, defaultGeneratorOptions } from '../../../engine/generate/generator-options'
import { gridPoints, layerPoints } from '../../../engine/generate/point-grid'
import { residualPoints } from '../../../engine/generate/uncovered-points'
import { cropsOf, isCut } from '../../../engine/generate/crops'
import type { Mask } from '../../../engine/masks/mask'
import { packMask } from '../../../engine/masks/bit-mask'

const full = (x0: number, y0: number, width: number, height: number): Mask => ({
  x0,
  y0,
  width,
  height,
  data: new Uint8Array(width * height).fill(1),
})

test('the smaller mask’s pixel wins, of equal ones the earlier', () => {
  const { data } = labelMap([full(0, 0, 2, 1), full(0, 0, 4, 2), full(1, 0, 2, 1)], { width: 4, height: 2 })
  assert.equal([...data], [1, 1, 3, 2, 2, 2, 2, 2])
})

test('as many labels as 16 bits hold, and no more', () => {
  const size = { width: 256, height: 256 }
  const masks = Array.from({ length: 65535 }, (_, i) => full(i % 256, i >> 8, 1, 1))
  const { data } = labelMap(masks, size)
  assert.is(data[65534], 65535)
  assert.is(data[65535], 0)
  assert.throws(() => labelMap([...masks, full(0, 0, 1, 1)], size), /65535 masks at most, not 65536/)
  assert.throws(() => labelMap([full(255, 0, 2, 1)], size), /mask 1 leaves the image/)
  assert.equal([...labelMap([], { width: 2, height: 1 }).data], [0, 0])
})

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

test('the crops of the reference', () => {
  // worked out by hand: overlap floor(0.25 * 80) = 20 in layer 1, 10 in layer 2
  const boxes = cropsOf({ width: 100, height: 80 }, { cropNLayers: 2, cropOverlapRatio: 0.25 })
  assert.is(boxes.length, 1 + 4 + 16)
  assert.equal(
    boxes.slice(0, 5).map((c) => c.box),
    [
      [0, 0, 100, 80],
      [0, 0, 60, 50],
      [0, 30, 60, 80],
      [40, 0, 100, 50],
      [40, 30, 100, 80],
    ],
  )
  assert.equal(boxes[5], { box: [0, 0, 33, 28], layer: 2 })
  assert.equal(boxes[20].box, [69, 54, 100, 80])
  const size = { width: 100, height: 80 }
  assert.is(isCut([0, 0, 30, 49], [0, 0, 60, 50], size), true)
  assert.is(isCut([0, 0, 39, 29], [0, 0, 60, 50], size), false)
  assert.is(isCut([0, 0, 99, 79], [0, 0, 100, 80], size), false)
})

test('points where no mask is, the middle of the largest gap first', () => {
  const size = { width: 200, height: 100 }
  const masks = [full(60, 0, 140, 100), full(0, 60, 60, 40)].map(packMask)
  const points = residualPoints(masks, size, 5)
  assert.ok(Math.abs(points[0][0] - 30) <= 1 && Math.abs(points[0][1] - 30) <= 1, String(points[0]))
  for (const [x, y] of points) assert.ok(x < 60 && y < 60)
  assert.is(residualPoints([], size, 3).length <= 3, true)
  assert.equal(residualPoints([packMask(full(0, 0, 200, 100))], size, 5), [])
  assert.equal(residualPoints(masks, size, 0), [])
  // a large image is looked at coarsely
  const [[x, y]] = residualPoints([packMask(full(0, 0, 4000, 300))], { width: 4500, height: 300 }, 1)
  assert.ok(Math.abs(y - 150) < 4 && x > 4100 && x < 4400)
})

test('defaults are the reference’s, and what is wrong is named', () => {
  assert.equal(checkGeneratorOptions(), defaultGeneratorOptions)
  assert.equal(checkGeneratorOptions({ minArea: undefined }), defaultGeneratorOptions)
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ pointPerSide: 3 }, /no generator option pointPerSide/],
    [{ pointsPerSide: 0 }, /pointsPerSide must be a whole number from 1/],
    [{ pointsPerSide: 2.5 }, /pointsPerSide .* not 2.5/],
    [{ pointsPerBatch: '64' }, /pointsPerBatch .* not 64/],
    [{ predIouThresh: NaN }, /predIouThresh must be a number from 0 to 1, not NaN/],
    [{ boxNmsThresh: 1.1 }, /boxNmsThresh/],
    [{ stabilityScoreOffset: -1 }, /stabilityScoreOffset/],
    [{ maskThreshold: Infinity }, /maskThreshold/],
    [{ cropNLayers: 9 }, /cropNLayers/],
    [{ outputMode: 'png' }, /outputMode must be one of binary_mask/],
    [{ dropFrames: 1 }, /dropFrames must be one of true, false/],
    [{ tileSize: 200, tileHalo: 100 }, /tileSize 200 must be at least twice tileHalo 100/],
    [{ tileSize: 2000, cropNLayers: 1 }, /do not go together/],
    [{ pointScales: [0] }, /pointScales .* not 0/],
    [{ pointScales: 4 }, /pointScales must be a list/],
    [{ pointGrids: [] }, /a list of points for each of the 1 layers/],
    [{ pointGrids: [[[0, 2]]] }, /layer 0 has \[0,2\]/],
    [{ pointGrids: [[[0, NaN]]] }, /layer 0 has/],
  ]
  for (const [given, what] of refused) assert.throws(() => checkGeneratorOptions(given), what)
})

test.run()
