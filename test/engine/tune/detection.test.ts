/** @file Scores of proposed masks against labels, computed by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mask } from '../../../engine/masks/mask'
import { pairMasks, poolScores, scoreMasks, scorePairs } from '../../../engine/tune/detection'

const filled = (x0: number, y0: number, width: number, height: number): Mask => ({
  x0,
  y0,
  width,
  height,
  data: new Uint8Array(width * height).fill(1),
})

/** Instances 1 (4x4 at 0,0) and 7 (4x4 at 8,0) on 16x8. */
function truth() {
  const data = new Uint16Array(16 * 8)
  for (let y = 0; y < 4; y++)
    for (let x = 0; x < 4; x++) {
      data[y * 16 + x] = 1
      data[y * 16 + 8 + x] = 7
    }
  return { width: 16, height: 8, data }
}

test('true positives, false positives and misses', () => {
  // the first exactly; the second by 10 of 16 pixels and none beyond: IoU 0.625; and one on the ground
  const half: Mask = { ...filled(8, 0, 4, 4), data: Uint8Array.from({ length: 16 }, (_, i) => +(i < 10)) }
  const scores = scoreMasks(truth(), [filled(0, 0, 4, 4), half, filled(0, 5, 3, 3)])
  assert.is(scores.masks, 3)
  assert.is(scores.instances, 2)
  assert.is(scores.countError, 0.5)
  assert.equal(scores.at[0], { iou: 0.5, found: 2, precision: 2 / 3, recall: 1, f1: 0.8 })
  assert.equal(scores.at[1], { iou: 0.75, found: 1, precision: 1 / 3, recall: 0.5, f1: 0.4 })
})

test('an instance has one match: a second mask of it is a false positive', () => {
  const scores = scoreMasks(truth(), [filled(0, 0, 4, 3), filled(0, 0, 4, 4)])
  assert.is(scores.at[0].found, 1)
  assert.is(scores.at[1].found, 1)
})

test('a subset of the masks is scored without their pixels', () => {
  const pairs = pairMasks(truth(), [filled(0, 0, 4, 4), filled(8, 0, 4, 4), filled(0, 0, 16, 8)])
  assert.is(scorePairs(pairs, [1]).at[0].found, 1)
  assert.is(scorePairs(pairs, [1]).masks, 1)
  assert.is(scorePairs(pairs, [2]).at[0].found, 0)
  assert.is(scorePairs(pairs).at[1].found, 2)
})

test('nothing predicted, nothing labelled', () => {
  const none = scoreMasks(truth(), [])
  assert.equal([none.at[0].precision, none.at[0].recall, none.at[0].f1, none.countError], [1, 0, 0, -1])
  const empty = scoreMasks({ width: 4, height: 4, data: new Uint16Array(16) }, [filled(0, 0, 2, 2)])
  assert.equal([empty.at[0].precision, empty.at[0].recall, empty.at[0].f1], [0, 1, 0])
  assert.ok(Number.isNaN(empty.countError))
})

test('instances below the minimum area do not count', () => {
  assert.is(scoreMasks(truth(), [], 17).instances, 0)
})

test('pooled: every instance has the same weight', () => {
  const one = scoreMasks(truth(), [filled(0, 0, 4, 4)])
  const pooled = poolScores([one, scoreMasks(truth(), [])])
  assert.is(pooled.instances, 4)
  assert.is(pooled.at[0].recall, 0.25)
  assert.is(pooled.at[0].precision, 1)
})

test.run()
