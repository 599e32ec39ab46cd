/** @file Which mask belongs to which instance, on cases small enough to count by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mask } from '../../../engine/masks/mask'
import { instances } from '../../../engine/masks/instances'
import { automaticMatches, iouLevels, promptedMatches } from '../../../src/evaluation/matching'
import { block, labelsOf } from '../../support/masks'

/** Two squares of 10x10 side by side, 1 and 2, and a speck of 3x3, 3. */
const labels = labelsOf(40, 20, [
  [1, 0, 0, 9, 9],
  [2, 10, 0, 19, 9],
  [3, 30, 10, 32, 12],
])

const bits = (upTo: number) => iouLevels.reduce((sum, level, i) => sum | (+(level <= upTo) << i), 0)

test('the levels are 0.5, 0.55 … 0.95, exactly as written', () => {
  assert.equal(iouLevels, [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
})

test('a prompted mask is compared with its own instance, even if it fits another one better', () => {
  const [first, second] = instances(labels)
  // asked for 1, gave 2; asked for 2, gave 8 of its 10 rows
  const { ious, maskOf, counted, detections } = promptedMatches(
    labels,
    [first, second],
    [block(10, 0, 10, 10), block(10, 0, 10, 8)],
    [0.9, 0.8],
  )
  assert.equal(ious, [0, 0.8])
  assert.equal(
    [maskOf, counted],
    [
      [0, 1],
      [0, 1],
    ],
  )
  assert.equal(detections, [
    { score: 0.9, iou: 0, hits: 0 },
    { score: 0.8, iou: 0.8, hits: bits(0.8) },
  ])
})

test('automatic masks: each instance has the best one; a second one of it is a false positive', () => {
  // 1 by 90 of 100 pixels, 1 exactly, 2 by 50 of 100, and one on the ground
  const masks = [block(0, 0, 10, 9), block(0, 0, 10, 10), block(10, 0, 10, 5), block(20, 12, 5, 5)]
  const { ious, maskOf, counted, detections } = automaticMatches(labels, masks, [0.9, 0.8, 0.7, 0.6], 16)
  assert.equal(ious, [1, 0.5])
  assert.equal(maskOf, [1, 2])
  assert.equal(counted, [0, 1, 2, 3])
  // each mask's own IoU, whether or not the instance is taken by another
  assert.equal(
    detections.map(({ iou }) => iou),
    [0.9, 1, 0.5, 0],
  )
})

test('hits are assigned by score: a mask with a higher score takes the instance from one with a higher IoU', () => {
  const masks = [block(0, 0, 10, 9), block(0, 0, 10, 10)]
  const sure = automaticMatches(labels, masks, [0.9, 0.8], 16).detections
  // up to 0.9 the first has it; above, only the second reaches the level
  assert.equal(
    sure.map(({ hits }) => hits),
    [bits(0.9), bits(1) & ~bits(0.9)],
  )
  const unsure = automaticMatches(labels, masks, [0.8, 0.9], 16).detections
  assert.equal(
    unsure.map(({ hits }) => hits),
    [0, bits(1)],
  )
})

test('a mask over two instances reaches IoU 0.5 with neither beyond half of it', () => {
  const { ious, maskOf } = automaticMatches(labels, [block(0, 0, 20, 10)], [0.9], 16)
  assert.equal(ious, [0.5, 0], 'half of it is the first: IoU 100 / 200')
  assert.equal(maskOf, [0, -1])
})

test('masks and instances that are too small do not count', () => {
  const onSpeck = block(29, 9, 5, 5) // 9 of its 25 pixels on the speck
  const mostlySpeck = block(30, 10, 4, 4) // 9 of 16
  const tiny = block(0, 15, 3, 3) // 9 pixels of ground
  const empty: Mask = { x0: 0, y0: 0, width: 0, height: 0, data: new Uint8Array(0) }
  const { counted, ious } = automaticMatches(labels, [onSpeck, mostlySpeck, tiny, empty], [1, 1, 1, 1], 16)
  assert.equal(counted, [0])
  assert.is(ious.length, 2, 'the speck is no instance')
  // with a lower limit all but the empty one count, and the speck is found
  const all = automaticMatches(labels, [onSpeck, mostlySpeck, tiny, empty], [1, 1, 1, 1], 1)
  assert.equal(all.counted, [0, 1, 2])
  assert.equal(all.ious, [0, 0, 9 / 16])
})

test('a mask below the limit that finds an instance counts', () => {
  const small = labelsOf(8, 8, [[5, 0, 0, 3, 3]])
  const { counted, ious } = automaticMatches(small, [block(0, 0, 3, 3)], [null], 16)
  assert.equal([counted, ious], [[0], [9 / 16]])
})

test('no masks at all', () => {
  assert.equal(automaticMatches(labels, [], [], 16), { counted: [], maskOf: [-1, -1], ious: [0, 0], detections: [] })
})

test.run()
