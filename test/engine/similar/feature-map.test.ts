/** @file Find similar: features of masks, their similarity to every place and its peaks, against plain sums. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { wholeRegion } from '../../../engine/image/box'
import type { Mask } from '../../../engine/masks/mask'
import {
  cosine,
  featureMap,
  maskFeature,
  similarityMap,
  similarPlaces,
  suppressNear,
} from '../../../engine/similar/feature-map'
import { randomArray } from '../../support/random'

const [side, dim] = [12, 5]

const rectangle = (x0: number, y0: number, width: number, height: number): Mask => ({
  ...{ x0, y0, width, height },
  data: new Uint8Array(width * height).fill(1),
})

test('similarities are cosines of the features without their mean, of the image alone', () => {
  const embedding = randomArray(3, side * side * dim, 1)
  // 96 x 60 pixels: 8 pixels a feature, 7.5 rows of features
  const region = wholeRegion({ width: 96, height: 60 })
  const map = featureMap(embedding, side, region)
  assert.equal([map.columns, map.rows, map.step], [12, 8, 8])
  const mask = rectangle(17, 8, 14, 16) // features 2 and 3 of rows 1 and 2; column 2 has 7 pixels of it, column 3 has 7
  const mean = (d: number) => {
    let sum = 0
    for (let i = 0; i < 12 * 8; i++) sum += embedding[i * dim + d]
    return sum / 96
  }
  const means = Array.from({ length: dim }, (_, d) => mean(d))
  const unit = (values: number[]) => {
    const length = Math.hypot(...values)
    return values.map((value) => value / length)
  }
  const feature = (x: number, y: number) => unit(means.map((m, d) => embedding[(y * side + x) * dim + d] - m))
  const example = unit(
    means.map((_, d) => [feature(2, 1), feature(3, 1), feature(2, 2), feature(3, 2)].reduce((s, f) => s + f[d], 0)),
  )
  const own = maskFeature(map, mask)
  example.forEach((value, d) => assert.ok(Math.abs(own[d] - value) < 1e-6))
  const similarity = similarityMap(map, [own])
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const expected = y < 8 ? feature(x, y).reduce((sum, value, d) => sum + value * example[d], 0) : -1
      assert.ok(Math.abs(similarity[y * side + x] - expected) < 1e-6, `${x}, ${y}`)
    }
  assert.ok(Math.abs(cosine(own, own) - 1) < 1e-6)
  // of several examples the most similar counts
  const other = maskFeature(map, rectangle(64, 40, 8, 8))
  const both = similarityMap(map, [own, other])
  both.forEach((value, i) => assert.is(value, Math.max(similarity[i], similarityMap(map, [other])[i])))
})

test('a mask at the edge of the features counts only the squares that it mostly covers; one outside is nothing', () => {
  const embedding = randomArray(4, side * side * dim, 1)
  const map = featureMap(embedding, side, { left: 100, top: 50, right: 196, bottom: 146 })
  // all of the feature at column 1, row 1, and 2 of 8 columns of its neighbour
  assert.equal(maskFeature(map, rectangle(108, 58, 10, 8)), maskFeature(map, rectangle(108, 58, 8, 8)))
  assert.ok(maskFeature(map, rectangle(0, 0, 20, 20)).every((value) => value === 0))
  assert.throws(() => featureMap(new Float32Array(7), side, wholeRegion({ width: 8, height: 8 })), /12 x 12 features/)
})

test('peaks are the places of the greatest similarity at the examples’ distance, in pixels of the image', () => {
  const region = { left: 10, top: 20, right: 106, bottom: 116 }
  const map = featureMap(randomArray(5, side * side * dim, 1), side, region)
  const similarity = new Float32Array(side * side).fill(0.1)
  const set = (x: number, y: number, value: number) => (similarity[y * side + x] = value)
  set(2, 2, 0.9)
  set(3, 2, 0.9) // a flat peak is one place
  set(8, 3, 0.8)
  set(8, 4, 0.5) // pulls the peak towards it
  set(8, 8, 0.7)
  set(10, 8, 0.6) // 16 pixels from a better one
  set(0, 11, 0.4)
  const places = similarPlaces(map, similarity, 20, 0.5)
  assert.equal(
    places.map(({ similarity: s }) => Number(s.toFixed(2))),
    [0.9, 0.8, 0.7],
  )
  const [first, second] = places
  assert.ok(first.x >= 10 + 2 * 8 && first.x <= 10 + 4 * 8 && first.y === 20 + 2 * 8 + 4)
  assert.ok(second.x === 10 + 8 * 8 + 4 && second.y > 20 + 3 * 8 + 4 && second.y < 20 + 4 * 8)
  assert.is(similarPlaces(map, similarity, 10, 0.5).length, 4)
  assert.is(similarPlaces(map, similarity, 10, 0.3).length, 5)
  assert.equal(
    suppressNear(
      [
        { x: 0, y: 0, similarity: 0.5 },
        { x: 3, y: 4, similarity: 0.6 },
        { x: 8, y: 4, similarity: 0.4 },
      ],
      5.1,
    ),
    [{ x: 3, y: 4, similarity: 0.6 }],
  )
})

test.run()
