/** @file Bootstrap intervals: reproducible, paired, and of the theoretical width. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import { bootstrap, equalWeights, percentileInterval } from '../../../src/evaluation/bootstrap'

const mean = (values: number[]) => (weights: ArrayLike<number>) =>
  values.reduce((sum, value, i) => sum + weights[i] * value, 0) / values.reduce((sum, _, i) => sum + weights[i], 0)

const meanOf = (values: number[]) => (weights: ArrayLike<number>) => ({ it: mean(values)(weights) })

test('every resample has the original number of images', () => {
  const seen = bootstrap((weights) => ({ images: Array.from(weights).reduce((a, b) => a + b, 0) }), 7, {
    resamples: 50,
    seed: 1,
  })
  assert.ok(seen.images.every((count) => count === 7))
  assert.equal([...equalWeights(3)], [1, 1, 1])
})

test('the interval of a mean is as wide as its standard error says', () => {
  const rng = new Rng(3)
  const values = Array.from({ length: 400 }, () => 5 + 2 * rng.normal())
  const { it } = bootstrap(meanOf(values), values.length, { resamples: 4000, seed: 0 })
  const [low, high] = percentileInterval(it)!
  const centre = mean(values)(equalWeights(400))
  const variance = values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / 400
  const half = 1.96 * Math.sqrt(variance / 400)
  assert.ok(Math.abs(centre - low - half) < 0.06 * half, `${centre - low}, ${half}`)
  assert.ok(Math.abs(high - centre - half) < 0.06 * half, `${high - centre}, ${half}`)
})

test('two models are resampled together: a constant difference has a narrow interval', () => {
  const before = [10, 50, 90, 30, 70]
  const options = { resamples: 500, seed: 4 }
  const a = bootstrap(meanOf(before), 5, options).it
  const b = bootstrap(meanOf(before.map((v) => v + 3)), 5, options).it
  const [low, high] = percentileInterval(b.map((v, r) => v - a[r]))!
  assert.ok(Math.abs(low - 3) < 1e-9 && Math.abs(high - 3) < 1e-9)
  const [from, to] = percentileInterval(a)!
  assert.ok(to - from > 30)
})

test('the same seed gives the same resamples, another seed gives others', () => {
  const draw = (seed: number) => [...bootstrap(meanOf([1, 2, 4, 8]), 4, { resamples: 100, seed }).it]
  assert.equal(draw(1), draw(1))
  assert.not.equal(draw(1), draw(2))
})

test('percentiles computed by hand; there is no interval if a value is NaN', () => {
  const samples = Float64Array.from({ length: 101 }, (_, i) => 100 - i)
  assert.equal(
    percentileInterval(samples)!.map((v) => v.toFixed(9)),
    ['2.500000000', '97.500000000'],
  )
  assert.equal(percentileInterval(samples, 0.5), [25, 75])
  assert.is(percentileInterval(Float64Array.of(1, NaN)), null)
  assert.is(percentileInterval(new Float64Array(0)), null)
})

test.run()
