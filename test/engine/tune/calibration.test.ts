/** @file Isotonic regression against its definition, and calibration on outcomes with a known answer. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import {
  calibrate,
  calibrationError,
  fitCalibration,
  type Outcome,
  reliabilityBins,
} from '../../../engine/tune/calibration'
import { isotonicFit } from '../../../engine/tune/isotonic'

/** The max-min formula of isotonic regression: the largest over starts of the smallest over ends of the mean between them. */
function reference(values: readonly number[], weights: readonly number[]): number[] {
  const mean = (from: number, to: number) => {
    let [top, bottom] = [0, 0]
    for (let i = from; i <= to; i++) {
      top += weights[i] * values[i]
      bottom += weights[i]
    }
    return top / bottom
  }
  return values.map((_, i) => {
    let best = -Infinity
    for (let from = 0; from <= i; from++) {
      let least = Infinity
      for (let to = i; to < values.length; to++) least = Math.min(least, mean(from, to))
      best = Math.max(best, least)
    }
    return best
  })
}

test('isotonic regression equals its definition on random sequences', () => {
  const rng = new Rng(4, 0)
  for (let round = 0; round < 200; round++) {
    const length = 1 + rng.int(12)
    // few distinct values, so that ties occur
    const values = Array.from({ length }, () => rng.int(6) / 5)
    const weights = Array.from({ length }, () => 1 + rng.int(4))
    const fitted = isotonicFit(values, weights)
    reference(values, weights).forEach((expected, i) => assert.ok(Math.abs(fitted[i] - expected) < 1e-12, `${values}`))
  }
  assert.equal(isotonicFit([]), [])
  assert.equal(isotonicFit([3, 1, 2]), [2, 2, 2])
})

/** Outcomes that are on average the square of the prediction. */
function squares(count: number, seed: number): Outcome[] {
  const rng = new Rng(seed, 0)
  return Array.from({ length: count }, () => {
    const predicted = rng.next()
    return { predicted, actual: Math.min(1, Math.max(0, predicted ** 2 + 0.2 * (rng.next() - 0.5))) }
  })
}

test('a fitted map corrects outcomes that it has not seen, and is monotone', () => {
  const knots = fitCalibration(squares(600, 1))!
  for (let i = 1; i < knots.length; i++)
    assert.ok(knots[i][0] > knots[i - 1][0] && knots[i][1] >= knots[i - 1][1], `${knots[i]}`)
  const unseen = squares(2000, 2)
  const before = calibrationError(reliabilityBins(unseen))
  const mapped = unseen.map(({ predicted, actual }) => ({ predicted: calibrate(knots, predicted), actual }))
  const after = calibrationError(reliabilityBins(mapped))
  assert.ok(before > 0.14 && before < 0.19, `${before}: the mean of x - x² is 1/6`)
  assert.ok(after < 0.03, `${after}`)
})

test('with few observations the map stays near the prediction, with very few there is none', () => {
  const low = (count: number): Outcome[] =>
    Array.from({ length: count }, (_, i) => ({ predicted: 0.8 + (0.1 * i) / count, actual: 0.2 }))
  const at = (count: number) => calibrate(fitCalibration(low(count))!, 0.85)
  // 20 observations weigh as much as the assumption that predictions are right
  assert.ok(Math.abs(at(20) - (0.2 + 0.85) / 2) < 0.01, `${at(20)}`)
  assert.ok(at(20) > at(100) && at(100) > at(1000))
  assert.ok(Math.abs(at(1000) - 0.2) < 0.02)
  assert.is(fitCalibration(low(15)), null)
})

test('equal predictions are one knot', () => {
  const same = Array.from({ length: 40 }, (_, i) => ({ predicted: 0.5, actual: i % 2 }))
  const knots = fitCalibration(same)!
  assert.equal(knots, [[0.5, 0.5]])
  assert.is(calibrate(knots, 0.9), 0.5)
})

test('the map is linear between its knots and constant beyond them', () => {
  const knots = [
    [0.2, 0.1],
    [0.6, 0.5],
    [0.8, 0.5],
  ] as const
  assert.equal(
    [0, 0.2, 0.4, 0.6, 0.7, 0.8, 1.1].map((x) => Number(calibrate(knots, x).toFixed(9))),
    [0.1, 0.1, 0.3, 0.5, 0.5, 0.5, 0.5],
  )
})

test('expected calibration error by hand', () => {
  // bins [0.4, 0.5): mean 0.45 against 0.75, two of four; [0.9, 1]: 0.95 against 0.85; predictions above 1 are in the last bin
  const bins = reliabilityBins([
    { predicted: 0.42, actual: 0.5 },
    { predicted: 0.48, actual: 1 },
    { predicted: 0.9, actual: 0.9 },
    { predicted: 1.0, actual: 0.8 },
  ])
  assert.equal(
    bins.map(({ count }) => count),
    [2, 2],
  )
  assert.ok(Math.abs(calibrationError(bins) - (0.3 + 0.1) / 2) < 1e-12)
  assert.ok(Number.isNaN(calibrationError([])))
})

test.run()
