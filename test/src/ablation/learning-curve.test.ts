/** @file Learning curves: the parameters of known curves are found, noise gives intervals, nonsense is refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import {
  type Curve,
  type CurvePoint,
  errorAt,
  fitCurve,
  learningCurve,
  noiseOf,
} from '../../../src/ablation/learning-curve'

const counts = [1, 2, 5, 10, 20]
const exact = (curve: Curve, images = counts): CurvePoint[] =>
  images.map((n) => ({ images: n, errors: [errorAt(curve, n)] }))
const close = (actual: number, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, not ${expected}`)

test('a, b and c of exact curves are found, with three points as with five', () => {
  for (const curve of [
    { a: 0.2, b: 0.5, c: 0.03 },
    { a: 0.05, b: 1.3, c: 0.1 },
    { a: 0.3, b: 0.2, c: 0 },
  ])
    for (const images of [counts, [1, 4, 10]]) {
      const found = fitCurve(exact(curve, images))
      for (const name of ['a', 'b', 'c'] as const) close(found[name], curve[name], 1e-4)
    }
})

test('errors that rise or stay are a constant; the error never falls below 0', () => {
  const rising = fitCurve(counts.map((images) => ({ images, errors: [0.1 + images / 100] })))
  assert.is(rising.a, 0)
  close(rising.c, 0.1 + 38 / 500)
  const flat = fitCurve(counts.map((images) => ({ images, errors: [0.1] })))
  close(errorAt(flat, 1), 0.1)
  close(errorAt(flat, 1000), 0.1)
  // a straight line in the logarithm of the images would reach 0 soon
  const steep = fitCurve(counts.map((images) => ({ images, errors: [0.4 - 0.13 * Math.log(images)] })))
  assert.ok(steep.c === 0 && errorAt(steep, 1e6) >= 0 && steep.b <= 2)
})

test('the deviation between seeds is pooled over the numbers of images', () => {
  close(
    noiseOf([
      { images: 1, errors: [1, 3] },
      { images: 2, errors: [5, 5, 8] },
    ])!,
    Math.sqrt((2 + 6) / 3),
  )
  assert.is(noiseOf(exact({ a: 1, b: 1, c: 0 })), null)
})

test('more images: what is expected, and whether it is more than the deviation between seeds', () => {
  const curve = { a: 0.2, b: 0.5, c: 0.03 }
  const noisy = (deviation: number) => {
    const rng = new Rng(1)
    return counts.map((images) => ({
      images,
      errors: [0, 1, 2].map(() => errorAt(curve, images) + deviation * rng.normal()),
    }))
  }
  const [more, twice] = learningCurve(noisy(1e-4), [30, 40]).prospects
  close(more.error, errorAt(curve, 30), 1e-3)
  close(twice.gain, errorAt(curve, 20) - errorAt(curve, 40), 1e-3)
  const [low, high] = twice.intervals.gain!
  assert.ok(low <= twice.gain && twice.gain <= high && high - low < 1e-3)
  assert.is(twice.verdict, 'worth it')
  assert.is(learningCurve(noisy(0.02), [21]).prospects[0].verdict, 'not worth it')
  const single = learningCurve(exact(curve), [40])
  assert.equal(
    [single.noise, single.prospects[0].intervals.gain, single.prospects[0].verdict],
    [null, null, 'noise unknown'],
  )
  close(single.now, errorAt(curve, 20))
  assert.equal(learningCurve(noisy(0.02), [40], 3), learningCurve(noisy(0.02).reverse(), [40], 3), 'whatever the order')
})

test('too few numbers of images, and values that are none, are refused', () => {
  const curve = { a: 0.2, b: 0.5, c: 0.03 }
  assert.throws(() => fitCurve(exact(curve, [1, 2])), /needs 3 numbers/)
  assert.throws(() => fitCurve([...exact(curve, [1, 2]), ...exact(curve, [2])]), /needs 3 numbers/)
  assert.throws(() => fitCurve([...exact(curve), { images: 30, errors: [NaN] }]), /finite/)
  assert.throws(() => fitCurve([...exact(curve), { images: 30, errors: [] }]), /finite/)
  assert.throws(() => fitCurve([...exact(curve), { images: 0, errors: [1] }]), /from 1/)
})

test.run()
