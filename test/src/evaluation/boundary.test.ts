/** @file Outlines and their agreement, counted by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { boundaryOfLabels, boundaryOfMasks, boundaryScores } from '../../../src/evaluation/boundary'
import { block, labelsOf } from '../../support/masks'

const size = { width: 16, height: 12 }
const count = (map: Uint8Array) => map.reduce((a, b) => a + b, 0)

test('the outline of a square is its rim; the edge of the image is not an outline', () => {
  assert.is(count(boundaryOfMasks([block(4, 4, 5, 5)], size)), 16)
  // in the corner only the right column and the lowest row have a neighbour outside
  assert.is(count(boundaryOfMasks([block(0, 0, 5, 5)], size)), 9)
  assert.is(count(boundaryOfMasks([block(0, 0, 16, 12)], size)), 0)
  assert.is(count(boundaryOfMasks([], size)), 0)
})

test('labels have the same outlines as masks; touching labels have outlines between them', () => {
  const labels = labelsOf(16, 12, [
    [1, 2, 2, 6, 6],
    [2, 7, 2, 11, 6],
  ])
  assert.equal(boundaryOfLabels(labels, [1, 2]), boundaryOfMasks([block(2, 2, 5, 5), block(7, 2, 5, 5)], size))
  assert.equal(boundaryOfLabels(labels, [2]), boundaryOfMasks([block(7, 2, 5, 5)], size))
  assert.is(count(boundaryOfLabels(labels, [1, 2])), 32)
})

test('a hole has an outline', () => {
  const ring = { ...block(4, 4, 3, 3), data: Uint8Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1) }
  assert.is(count(boundaryOfMasks([ring], size)), 8)
})

test('precision, recall and F of outlines two and three pixels apart', () => {
  const line = (x: number, rows: number) => {
    const map = new Uint8Array(16 * 12)
    for (let y = 0; y < rows; y++) map[y * 16 + x] = 1
    return map
  }
  // 12 true pixels; of 6 predicted, two columns further, all are near
  const two = boundaryScores(line(5, 6), line(3, 12), size, 2)
  // the last of the 6 reaches one row at most straight across: (2, 0) is at distance 2, (2, 1) is not
  assert.equal(two, { precision: 1, recall: 0.5, f: (2 * 0.5) / 1.5 })
  assert.equal(boundaryScores(line(6, 12), line(3, 12), size, 2), { precision: 0, recall: 0, f: 0 })
  // at distance 2.3 also (2, 1): one row more
  assert.is(boundaryScores(line(5, 6), line(3, 12), size, 2.3).recall, 7 / 12)
  assert.is(boundaryScores(line(3, 12), line(3, 12), size, 0).f, 1)
  assert.is(boundaryScores(line(4, 12), line(3, 12), size, 0).f, 0)
})

test('no boundary in either map is right, no boundary in one of them is wrong', () => {
  const none = new Uint8Array(16 * 12)
  const some = boundaryOfMasks([block(4, 4, 5, 5)], size)
  assert.equal(boundaryScores(none, none, size, 2), { precision: 1, recall: 1, f: 1 })
  assert.equal(boundaryScores(none, some, size, 2), { precision: 1, recall: 0, f: 0 })
  assert.equal(boundaryScores(some, none, size, 2), { precision: 0, recall: 1, f: 0 })
})

test('a tolerance wider than the image reaches all of it and nothing else', () => {
  const one = new Uint8Array(16 * 12)
  one[0] = 1
  const other = new Uint8Array(16 * 12)
  other[16 * 12 - 1] = 1
  assert.is(boundaryScores(one, other, size, 1000).f, 1)
  assert.is(boundaryScores(one, other, size, 18).f, 0, 'they are 18.6 apart')
})

test.run()
