/** @file Distances of size distributions, computed by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { equivalentDiameter } from '../../../engine/masks/equivalent-diameter'
import { percentiles, sizeError, wasserstein } from '../../../src/evaluation/size-distance'

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, not ${expected}`)

test('a disc of radius 7 has the diameter 14', () => close(equivalentDiameter(Math.PI * 49), 14))

test('the distance to a shifted distribution is the shift', () => {
  close(wasserstein([1, 5, 9], [3, 7, 11]), 2)
  close(wasserstein([3, 7, 11], [1, 5, 9]), 2)
  close(wasserstein([9, 1, 5], [5, 9, 1]), 0)
  close(wasserstein([4], [10]), 6)
})

test('samples of different sizes: each value has an equal fraction of the weight', () => {
  // half of the mass goes from 10 to 20
  close(wasserstein([10, 20], [10]), 5)
  // 0 and 4 against 0, 1 and 4: between 0 and 1 the shares differ by 1/6, between 1 and 4 by 1/6
  close(wasserstein([0, 4], [0, 1, 4]), 1 / 6 + 3 / 6)
  close(wasserstein([2, 2, 2, 6], [2, 6]), 1)
})

test('it is symmetric, and the difference of the means if the samples do not overlap', () => {
  const [a, b] = [
    [1.5, 2.25, 8, 3],
    [9, 12.5, 10],
  ]
  close(wasserstein(a, b), 31.5 / 3 - 14.75 / 4)
  close(wasserstein(a, b), wasserstein(b, a))
})

test('empty samples', () => {
  assert.ok(Number.isNaN(wasserstein([], [1])))
  assert.ok(Number.isNaN(sizeError([1], []).pixels))
  assert.equal(sizeError([], [10, 30]), { pixels: 20, relative: 1 }, 'no masks are masks of diameter 0')
  assert.equal(sizeError([12, 32], [10, 30]), { pixels: 2, relative: 0.1 })
})

test('percentiles are between the minimum and the maximum', () => {
  const all = percentiles([30, 10, 20])
  assert.equal([all.length, all[0], all[25], all[50], all[100]], [101, 10, 15, 20, 30])
  assert.equal(percentiles([]), [])
  assert.equal(percentiles([7])[63], 7)
})

test.run()
