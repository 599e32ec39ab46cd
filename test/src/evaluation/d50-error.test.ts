/** @file Errors of count and D50 on sizes counted by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countAndSizeErrors, d50Error, type Diameters } from '../../../src/evaluation/d50-error'

const near = (value: number, expected: number) => assert.ok(Math.abs(value - expected) < 1e-12, `${value}, ${expected}`)

test('D50 by number and by volume, of all images together and of one of them', () => {
  const images: Diameters[] = [
    { masks: [10, 12], instances: [10, 10, 10] },
    { masks: [30], instances: [20, 20] },
  ]
  const number = d50Error(images, 'number')
  // masks 10, 12, 30; labels 10 three times and 20 twice
  near(number([1, 1]), 12 / 10 - 1)
  near(number([0, 1]), 30 / 20 - 1)
  // twice the second image: masks 10, 12, 30, 30: half the weight is reached exactly at 12, so the mean of 12 and 30; labels 10, 20
  near(number([1, 2]), 21 / 20 - 1)
  // by volume the large ones decide: 30³ = 27000 of 29728; 2 * 20³ = 16000 of 19000
  near(d50Error(images, 'volume')([1, 1]), 30 / 20 - 1)
})

test('no masks count as masks without a size; without labels the error is not defined', () => {
  near(d50Error([{ masks: [], instances: [10] }], 'number')([1]), -1)
  assert.ok(Number.isNaN(d50Error([{ masks: [10], instances: [] }], 'number')([1])))
})

test('count and D50 with intervals over the images; none with a single image', () => {
  const image = (masks: number, instances: number, size: number) => ({
    masks,
    instances,
    diameters: { masks: Array<number>(masks).fill(size), instances: Array<number>(instances).fill(10) },
  })
  const images = [image(11, 10, 10), image(9, 10, 12), image(10, 10, 12), image(12, 10, 12)]
  const { countError, d50Error: size, intervals } = countAndSizeErrors(images)
  near(countError, 2 / 40)
  near(size, 0.2)
  const [low, high] = intervals.countError!
  assert.ok(low >= -0.1 && low < 0.05 && high > 0.05 && high <= 0.2, `${low} ${high}`)
  assert.is(intervals.d50Error![1], 12 / 10 - 1)
  assert.equal(countAndSizeErrors(images.slice(0, 1)).intervals, { countError: null, d50Error: null })
})

test.run()
