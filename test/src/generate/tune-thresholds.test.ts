/** @file The search for thresholds on labelled images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CandidateMeasures } from '../../../engine/generate/candidate'
import { defaultGeneratorOptions } from '../../../engine/generate/generator-options'
import { type Mask, maskBox } from '../../../engine/masks/mask'
import { pairMasks } from '../../../src/evaluation/detection'
import { tuneThresholds } from '../../../src/generate/tune-thresholds'
import { regionOf } from '../../support/masks'

const square = (x0: number, y0: number, side: number): Mask => ({
  x0,
  y0,
  width: side,
  height: side,
  data: new Uint8Array(side * side).fill(1),
})

/** Four particles in 100 x 100 pixels; the right masks have scores from 0.7, the wrong ones up to 0.66. */
function image() {
  const data = new Uint16Array(100 * 100)
  const masks: Mask[] = []
  const candidates: CandidateMeasures[] = []
  const add = (mask: Mask, predictedIou: number, stability: number) => {
    masks.push(mask)
    candidates.push({
      area: mask.width ** 2,
      box: maskBox(mask),
      predictedIou,
      stability,
      crop: regionOf(0, 0, 100, 100),
    })
  }
  for (let i = 0; i < 4; i++) {
    const mask = square(5 + 24 * i, 10, 15)
    for (let y = 0; y < 15; y++) data.fill(i + 1, (10 + y) * 100 + mask.x0, (10 + y) * 100 + mask.x0 + 15)
    add(mask, 0.7 + 0.02 * i, 0.8)
  }
  for (let i = 0; i < 3; i++) add(square(5 + 24 * i, 40, 15), 0.6 + 0.02 * i, 0.9)
  for (let i = 0; i < 3; i++) add(square(5 + 24 * i, 70, 4), 0.9, 0.9)
  const set = { size: { width: 100, height: 100 }, candidates, overlaps: [] }
  return { set, pairs: pairMasks({ width: 100, height: 100, data }, masks) }
}

test('finds thresholds that separate right from wrong masks', async () => {
  const options = { ...defaultGeneratorOptions, maxArea: 1 }
  const { best, before, trials } = await tuneThresholds([image()], options, {
    predIouThresh: 0.4,
    stabilityScoreThresh: 0.4,
  })
  assert.is(before.scores.at[0].found, 0, 'the defaults find none')
  assert.is(best.f1, 1)
  const { predIouThresh, stabilityScoreThresh, minArea } = best.thresholds
  assert.ok(predIouThresh >= 0.64 && predIouThresh < 0.7, `${predIouThresh}`)
  assert.ok(stabilityScoreThresh <= 0.8)
  assert.ok(minArea > 16 && minArea <= 225)
  assert.is(best.scores.countError, 0)
  assert.ok(trials.every(({ f1 }) => f1 <= best.f1))
})

test('thresholds below the floors are not tried', async () => {
  const floors = { predIouThresh: 0.8, stabilityScoreThresh: 0.7 }
  const { trials } = await tuneThresholds([image()], { ...defaultGeneratorOptions, maxArea: 1 }, floors)
  assert.ok(trials.every(({ thresholds }) => thresholds.predIouThresh >= 0.8 && thresholds.stabilityScoreThresh >= 0.7))
})

test.run()
