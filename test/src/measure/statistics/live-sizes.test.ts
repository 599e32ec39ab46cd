/** @file The live size distribution: bins and percentiles against counts by hand, and against the distributions of `wgsam measure`. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { distribution } from '../../../../src/measure/statistics/distribution'
import { liveSizes } from '../../../../src/measure/statistics/live-sizes'

test('ten diameters: percentiles, and each in the bin whose edges enclose it', () => {
  const diameters = [10, 3, 1, 7, 5, 2, 9, 4, 8, 6]
  const live = liveSizes(diameters)!
  assert.equal(live.number, { d10: 1.5, d50: 5.5, d90: 9.5 })
  assert.is(live.scale, 'linear')
  assert.is(live.counted, 10)
  assert.is(live.counts.length, live.edges.length - 1)
  assert.is(
    live.counts.reduce((a, b) => a + b),
    10,
  )
  diameters.forEach((diameter, i) => {
    const bin = live.binOf[i]
    assert.ok(live.edges[bin] <= diameter && diameter <= live.edges[bin + 1])
    if (bin < live.counts.length - 1) assert.ok(diameter < live.edges[bin + 1])
  })
})

test('by volume the third powers count: of 1 and 9 the larger has nearly all', () => {
  assert.equal(liveSizes([1, 1, 1, 9])!.volume, { d10: 9, d50: 9, d90: 9 })
  assert.equal(liveSizes([1, 1, 1, 9])!.number, { d10: 1, d50: 1, d90: 9 })
})

test('nothing to show: no diameters, or none that counts; what does not count has no bin', () => {
  assert.is(liveSizes([]), null)
  assert.is(liveSizes([NaN, 0, -2, Infinity]), null)
  assert.is(liveSizes([4, 5], { weights: [0, 0] }), null)
  const live = liveSizes([4, NaN, 4, 6], { weights: [1, 1, 1, 0] })!
  assert.is(live.counted, 2)
  assert.equal([...live.binOf.map((bin) => Math.sign(bin))], [0, -1, 0, -1])
  assert.equal(live.number, { d10: 4, d50: 4, d90: 4 })
})

test('a single diameter has a bin, and more than a factor of ten a logarithmic axis', () => {
  const one = liveSizes([7])!
  assert.is(
    one.counts.reduce((a, b) => a + b),
    1,
  )
  const wide = Array.from({ length: 200 }, (_, i) => 1.03 ** i)
  assert.is(liveSizes(wide)!.scale, 'log')
  assert.is(liveSizes(wide, { scale: 'linear' })!.scale, 'linear')
  assert.is(liveSizes(wide, { bins: 7 })!.counts.length, 7)
})

test('the same percentiles as wgsam measure, with its weights', () => {
  const rng = new Rng(4)
  const sizes = Array.from({ length: 500 }, () => Math.exp(3 + 0.4 * rng.normal()))
  const weights = sizes.map((size) => 1 + size / 100)
  const live = liveSizes(sizes, { weights })!
  const particles = sizes.map((size, i) => ({
    ...{ size, number: weights[i], area: weights[i] * size ** 2, volume: weights[i] * size ** 3, image: 0 },
  }))
  const { number, volume } = distribution(particles, [{ area: 1, covered: 0 }], {
    ...{ scale: 'linear', percentiles: [], curves: false, resamples: 0, resample: 'auto', level: 0.95, seed: 0 },
  })
  for (const name of ['d10', 'd50', 'd90'] as const) {
    assert.is(live.number[name], number.figures![name].value)
    assert.is(live.volume[name], volume.figures![name].value)
  }
})

test.run()
