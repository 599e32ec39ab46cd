/** @file Average precision on curves computed by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PrecisionCurve } from '../../../src/evaluation/average-precision'
import type { Detection } from '../../../src/evaluation/matching'

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, not ${expected}`)

const first = (curve: PrecisionCurve, weights: number[]) => curve.averages(weights)[0]

/** Detections as [score, hit at level 0]. */
const image = (instances: number, ...detections: [number, 0 | 1][]) => ({
  instances,
  detections: detections.map(([score, hits]): Detection => ({ score, iou: 0, hits })),
})

test('hit, miss, hit of two instances', () => {
  // precision 1 up to recall 0.5, 2/3 up to recall 1: 51 of the 101 recalls are 0 to 0.5
  const curve = new PrecisionCurve([image(2, [0.9, 1], [0.8, 0], [0.7, 1])])
  close(first(curve, [1]), (51 + (50 * 2) / 3) / 101)
})

test('precision is the highest one at this recall or above', () => {
  // miss, hit, hit of four: 0, 1/2, 2/3; both recalls have 2/3, beyond 0.5 there is none
  const curve = new PrecisionCurve([image(4, [0.9, 0], [0.8, 1], [0.7, 1])])
  close(first(curve, [1]), (51 * (2 / 3)) / 101)
})

test('all right, nothing right, nothing there', () => {
  close(first(new PrecisionCurve([image(3, [0.1, 1], [0.2, 1], [0.3, 1])]), [1]), 1)
  close(first(new PrecisionCurve([image(3, [0.1, 0], [0.2, 0])]), [1]), 0)
  close(first(new PrecisionCurve([image(3)]), [1]), 0)
  assert.ok(Number.isNaN(first(new PrecisionCurve([image(0, [0.5, 0])]), [1])))
})

test('all images have one curve: a miss with a high score in one image lowers the precision of the other', () => {
  const curve = new PrecisionCurve([image(1, [0.5, 1]), image(1, [0.9, 0])])
  close(first(curve, [1, 1]), (51 * 0.5) / 101)
  close(first(curve, [1, 0]), 1)
  close(first(curve, [0, 1]), 0)
})

test('a weight of 2 is the same as listing the image twice', () => {
  const [a, b] = [image(2, [0.9, 1], [0.6, 0], [0.3, 1]), image(3, [0.8, 0], [0.7, 1])]
  const copied = new PrecisionCurve([a, a, a, b, b])
  close(first(new PrecisionCurve([a, b]), [3, 2]), first(copied, [1, 1, 1, 1, 1]))
})

test('each level has its own curve', () => {
  const curve = new PrecisionCurve([{ instances: 1, detections: [{ score: 1, iou: 0.6, hits: 0b100 }] }])
  assert.equal(curve.averages([1]), [0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
})

test.run()
