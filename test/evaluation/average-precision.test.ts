/** @file Average precision on curves drawn by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PrecisionCurve } from '../../src/evaluation/average-precision'
import type { Detection } from '../../src/evaluation/matching'

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, not ${expected}`)

/** Detections as [score, hit at level 0]. */
const image = (instances: number, ...detections: [number, 0 | 1][]) => ({
  instances,
  detections: detections.map(([score, hits]): Detection => ({ score, hits })),
})

test('hit, miss, hit of two instances', () => {
  // precision 1 up to recall 0.5, 2/3 up to recall 1: 51 of the 101 recalls are 0 to 0.5
  const curve = new PrecisionCurve([image(2, [0.9, 1], [0.8, 0], [0.7, 1])])
  close(curve.average(0, [1]), (51 + (50 * 2) / 3) / 101)
})

test('precision is the best at this recall or a higher one', () => {
  // miss, hit, hit of four: 0, 1/2, 2/3; both recalls have 2/3, beyond 0.5 there is none
  const curve = new PrecisionCurve([image(4, [0.9, 0], [0.8, 1], [0.7, 1])])
  close(curve.average(0, [1]), (51 * (2 / 3)) / 101)
})

test('all right, nothing right, nothing there', () => {
  close(new PrecisionCurve([image(3, [0.1, 1], [0.2, 1], [0.3, 1])]).average(0, [1]), 1)
  close(new PrecisionCurve([image(3, [0.1, 0], [0.2, 0])]).average(0, [1]), 0)
  close(new PrecisionCurve([image(3)]).average(0, [1]), 0)
  assert.ok(Number.isNaN(new PrecisionCurve([image(0, [0.5, 0])]).average(0, [1])))
})

test('images share one curve: a sure miss in one lowers the precision of the other', () => {
  const curve = new PrecisionCurve([image(1, [0.5, 1]), image(1, [0.9, 0])])
  close(curve.average(0, [1, 1]), (51 * 0.5) / 101)
  close(curve.average(0, [1, 0]), 1)
  close(curve.average(0, [0, 1]), 0)
})

test('a weight is a copy', () => {
  const [a, b] = [image(2, [0.9, 1], [0.6, 0], [0.3, 1]), image(3, [0.8, 0], [0.7, 1])]
  const copied = new PrecisionCurve([a, a, a, b, b])
  close(new PrecisionCurve([a, b]).average(0, [3, 2]), copied.average(0, [1, 1, 1, 1, 1]))
})

test('levels are told apart', () => {
  const curve = new PrecisionCurve([{ instances: 1, detections: [{ score: 1, hits: 0b100 }] }])
  assert.equal([0, 1, 2, 3].map((level) => curve.average(level, [1])), [0, 0, 1, 0]) // prettier-ignore
})

test.run()
