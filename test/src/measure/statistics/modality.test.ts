/** @file Modes of size distributions and the stability of the median, on quantiles of known distributions and on random samples. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { imageMedians, modality } from '../../../../src/measure/statistics/modality'
import { modelError } from '../../../../src/measure/statistics/model-error'
import { normalQuantile } from '../../../../src/statistics/normal'

const equally = (values: readonly number[]) => ({
  values: Float64Array.from(values).sort(),
  weights: new Float64Array(values.length).fill(1),
})

/** The quantiles of a log-normal distribution: a sample without noise. */
const exact = (count: number, median: number, gsd: number) =>
  Array.from({ length: count }, (_, i) => median * gsd ** normalQuantile((i + 0.5) / count))

const near = (value: number, expected: number, relative: number, what = '') =>
  assert.ok(Math.abs(value / expected - 1) <= relative, `${what} ${value}, expected ${expected}`)

test('one log-normal distribution has one mode, and a stable median', () => {
  const { modes, dips, unstable, d45, d55 } = modality(equally(exact(400, 100, 1.5)))!
  assert.equal([modes.length, dips.length, unstable], [1, 0, false])
  near(modes[0].size, 100, 0.05)
  assert.is(modes[0].share, 1)
  near(d45, 100 * 1.5 ** normalQuantile(0.45), 0.01)
  near(d55, 100 * 1.5 ** normalQuantile(0.55), 0.01)
})

test('two equal parts far apart: two modes with their shares, and a median in the gap', () => {
  const { modes, dips, unstable, d45, d55 } = modality(equally([...exact(200, 50, 1.1), ...exact(200, 200, 1.1)]))!
  assert.is(modes.length, 2)
  near(modes[0].size, 50, 0.03)
  near(modes[1].size, 200, 0.03)
  near(modes[0].share, 0.5, 1e-9)
  assert.ok(dips[0] > 60 && dips[0] < 170)
  assert.is(unstable, true)
  assert.ok(d45 < 65 && d55 > 160)
})

test('two parts of which one has most: the median is in that one, and stable', () => {
  const { modes, unstable } = modality(equally([...exact(320, 50, 1.1), ...exact(80, 200, 1.1)]))!
  assert.equal([modes.length, unstable], [2, false])
  near(modes[1].share, 0.2, 1e-9)
  // by volume the few large ones have nearly all
  const values = Float64Array.from([...exact(320, 50, 1.1), ...exact(80, 200, 1.1)]).sort()
  const volume = modality({ values, weights: values.map((value) => value ** 3) })!
  near(volume.modes.at(-1)!.size, 200, 0.03)
  assert.is(volume.unstable, false)
})

test('two sizes without any spread: D50 is one of them, and a few particles more would make it the other', () => {
  const two = modality(equally([...Array(31).fill(10), ...Array(29).fill(24)]))!
  assert.equal([two.modes.length, two.unstable], [2, true])
  near(two.d45, 10, 1e-9)
  near(two.d55, 24, 1e-9)
  assert.is(modality(equally([...Array(45).fill(10), ...Array(15).fill(24)]))!.unstable, false)
})

test('parts that overlap are not called two, and noise is not called a mode', () => {
  // the density of two equal normal parts has two modes only if their means are more than two deviations apart
  assert.is(modality(equally([...exact(200, 100, 1.3), ...exact(200, 150, 1.3)]))!.modes.length, 1)
  const rng = new Rng(11)
  let several = 0
  for (let time = 0; time < 300; time++) {
    const sample = Array.from({ length: 150 }, () => Math.exp(0.4 * rng.normal()))
    if (modality(equally(sample))!.modes.length > 1) several++
  }
  assert.ok(several <= 15, `${several} of 300 log-normal samples have several modes`)
})

test('no statement for few particles, or for equal sizes; three modes are three', () => {
  assert.is(modality(equally(exact(29, 10, 1.4))), null)
  assert.is(modality(equally(Array(100).fill(7))), null)
  const heavy = equally(exact(100, 10, 1.4))
  heavy.weights.fill(1e-6).fill(1, 0, 3)
  assert.is(modality(heavy), null, 'the weight of three particles')
  const three = modality(equally([...exact(150, 10, 1.1), ...exact(150, 30, 1.1), ...exact(150, 90, 1.1)]))!
  assert.equal([three.modes.length, three.dips.length, three.unstable], [3, 2, false])
})

test('medians of images', () => {
  assert.is(imageMedians([4]), null)
  assert.equal(imageMedians([9, 4, 5]), { images: 3, median: 5, low: 4, high: 9 })
})

test('the model’s error: diameters at two thresholds; a person’s masks have none', () => {
  // 0.81 is a factor of 0.9 in the diameter: ±0.1 / 1.9 around the middle
  const { value, from, particles } = modelError(null, [0.81, null, 0.81, 1, 0.64])
  near(value, 0.1 / 1.9 / Math.sqrt(3), 1e-12)
  assert.equal([from, particles], ['thresholds', 4])
  assert.equal(modelError(0.03, [0.81]), { value: 0.03, from: 'given', particles: 1 })
  assert.equal(modelError(null, [null, 0]), { value: 0, from: 'none', particles: 0 })
})

test.run()
