/** @file The baseline without a model: threshold, watershed, and the choice of the side, on shapes whose parts are known. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { roundness, watershedMasks } from '../../../src/evaluation/watershed-baseline'
import { automaticMatches } from '../../../src/evaluation/matching'
import { otsuThreshold, smoothGray } from '../../../src/evaluation/otsu'
import { splitAtNecks } from '../../../src/evaluation/split-at-necks'
import { discs, touchingDiscs } from '../../support/discs'

const size = { width: 96, height: 64 }

test('the threshold is in the middle of the gap between two groups of gray values', () => {
  assert.is(otsuThreshold([10, 10, 12, 200, 201]), (12 + 199) / 2 + 1)
  // 3 of 0, 2 of 1 and 3 of 5: the variance between classes is 8.1 below 1, 15.4 below 5
  assert.is(otsuThreshold([0, 0, 0, 1, 1, 5, 5, 5]), (1 + 4) / 2 + 1)
  assert.is(otsuThreshold([7, 7.5, 7.9]), null)
  assert.is(otsuThreshold([]), null)
})

test('smoothing keeps a constant and spreads a point over 25 pixels', () => {
  const rgb = new Uint8Array(9 * 9 * 3).fill(100)
  const even = smoothGray(rgb, { width: 9, height: 9 })
  assert.ok(even.every((v) => v === 100))
  const point = new Uint8Array(9 * 9 * 3)
  point.set([255, 0, 1], 3 * (4 * 9 + 4))
  const spread = smoothGray(point, { width: 9, height: 9 })
  const mean = 256 / 3
  assert.ok(Math.abs(spread[4 * 9 + 4] - (mean * 36) / 256) < 1e-4)
  assert.ok(Math.abs(spread.reduce((a, b) => a + b, 0) - mean) < 1e-3)
})

test('one disc is one part, two overlapping ones are two, cut at their neck', () => {
  const one = splitAtNecks(discs([[30, 30, 15]]), size)
  assert.is(one.areas.length, 1)
  assert.ok(Math.abs(one.peaks[0] - 15) < 1.1)
  const mask = discs([
    [30, 30, 15],
    [54, 30, 15],
  ])
  const two = splitAtNecks(mask, size)
  assert.is(two.areas.length, 2)
  assert.is(two.labels[30 * 96 + 20], 1)
  assert.is(two.labels[30 * 96 + 64], 2)
  // the neck is at x = 42
  assert.ok(Math.abs(two.areas[0] - two.areas[1]) < 0.06 * two.areas[0], String(two.areas))
  assert.is(
    two.areas[0] + two.areas[1],
    mask.reduce((a, b) => a + b, 0),
  )
})

test('a wide neck and a ragged rim separate nothing', () => {
  assert.is(
    splitAtNecks(
      discs([
        [30, 30, 15],
        [42, 30, 15],
      ]),
      size,
    ).areas.length,
    1,
    'a neck of 0.92 of the radius',
  )
  const bar = Uint8Array.from({ length: 96 * 64 }, (_, i) => +(Math.abs(Math.floor(i / 96) - 30) <= 6 + (i % 2)))
  assert.is(splitAtNecks(bar, size).areas.length, 1)
})

test('no pixels, one pixel, all pixels', () => {
  assert.equal(splitAtNecks(new Uint8Array(96 * 64), size).areas, [])
  const single = new Uint8Array(96 * 64)
  single[100] = 1
  assert.equal([...splitAtNecks(single, size).areas, ...splitAtNecks(single, size).peaks], [1, 1])
  assert.equal(splitAtNecks(new Uint8Array(96 * 64).fill(1), size).areas, [96 * 64])
})

test('a disc fills itself, a cross does not', () => {
  const disc = roundness(splitAtNecks(discs([[40, 30, 20]]), size))
  assert.ok(disc > 0.92 && disc < 1.06, String(disc))
  const cross = Uint8Array.from(
    { length: 96 * 64 },
    (_, i) => +(Math.abs((i % 96) - 48) < 4 || Math.abs(Math.floor(i / 96) - 30) < 4),
  )
  assert.ok(roundness(splitAtNecks(cross, size)) < 0.2)
})

for (const bright of [true, false])
  test(`twenty touching ${bright ? 'bright' : 'dark'} discs are found, though they cover most of the image and its edge`, () => {
    const { image, labels } = touchingDiscs(bright)
    const masks = watershedMasks(image)
    const { ious, counted } = automaticMatches(
      labels,
      masks,
      masks.map(() => null),
      16,
    )
    assert.is(counted.length, 20)
    assert.ok(Math.min(...ious) > 0.9, String(ious))
  })

test('an image of one gray value has no particles', () => {
  assert.equal(watershedMasks({ width: 8, height: 8, rgb: new Uint8Array(192).fill(77) }), [])
  assert.equal(watershedMasks({ width: 1, height: 1, rgb: Uint8Array.of(1, 2, 3) }), [])
})

test.run()
