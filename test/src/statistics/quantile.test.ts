/** @file Quantiles of small samples, computed by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { quantile } from '../../../src/statistics/quantile'

test('a quantile between two numbers is interpolated linearly', () => {
  assert.is(quantile([1, 2, 3, 4], 0.5), 2.5)
  assert.is(quantile([1, 3], 0.25), 1.5)
})

test('the first and last number are the quantiles 0 and 1, also of a single number', () => {
  assert.equal(
    [0, 1].map((q) => quantile([1, 2, 4], q)),
    [1, 4],
  )
  assert.is(quantile([7], 0.3), 7)
})

test.run()
