/** @file The search for thresholds on labelled images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CandidateMeasures } from '../../../engine/generate/candidate'
import { defaultGeneratorOptions } from '../../../engine/generate/generator-options'
import { type Mask, maskBox } from '../../../engine/masks/mask'
import { bestIous, pairMasks } from '../../../engine/tune/detection'
import type { MaskGenerator } from '../../../engine/generate/generator'
import { findTuneImage, reachedLabels, tuneThresholds } from '../../../engine/tune/tune-thresholds'
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
  const pairs = pairMasks({ width: 100, height: 100, data }, masks)
  return { set, pairs, ious: bestIous(pairs) }
}

test('finds thresholds that separate right from wrong masks', async () => {
  const options = { ...defaultGeneratorOptions, maxArea: 1 }
  const { best, before, trials } = await tuneThresholds([image()], options, {
    floors: { predIouThresh: 0.4, stabilityScoreThresh: 0.4 },
    areas: true,
    relativeScore: 0,
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
  const { trials } = await tuneThresholds(
    [image()],
    { ...defaultGeneratorOptions, maxArea: 1 },
    { floors, areas: true, relativeScore: 0 },
  )
  assert.ok(trials.every(({ thresholds }) => thresholds.predIouThresh >= 0.8 && thresholds.stabilityScoreThresh >= 0.7))
})

test('without a search of areas the minimum area stays as it is', async () => {
  const options = { ...defaultGeneratorOptions, maxArea: 1, minArea: 7 }
  const floors = { predIouThresh: 0.4, stabilityScoreThresh: 0.4 }
  const { trials } = await tuneThresholds([image()], options, { floors, areas: false, relativeScore: 0 })
  assert.ok(trials.every(({ thresholds }) => thresholds.minArea === 7))
})

test('of thresholds that score alike, the one with the better count wins', async () => {
  // 402 particles. Above predicted IoU 0.8 are 400 of them and 10 wrong masks, below it the other 2 and 1 wrong mask: with all
  // masks F1 is a little higher, with the first 410 the count error is smaller
  const kinds = [
    ...Array.from({ length: 400 }, () => ({ predictedIou: 0.9, right: true })),
    ...Array.from({ length: 10 }, () => ({ predictedIou: 0.9, right: false })),
    ...[true, true, false].map((right) => ({ predictedIou: 0.7, right })),
  ]
  const candidates = kinds.map(({ predictedIou }, i): CandidateMeasures => {
    const box = maskBox(square(3 * i, 0, 2))
    return { area: 4, box, predictedIou, stability: 1, crop: regionOf(0, 0, 2000, 3) }
  })
  const found = kinds.flatMap(({ right }, mask) => (right ? [mask] : []))
  const pairs = found.map((mask, instance) => ({ mask, instance, iou: 1 }))
  const none = candidates.map(() => 0)
  const overlaps = { masks: candidates.length, instances: 402, pairs, areas: none, uncounted: none }
  const set = { size: { width: 2000, height: 3 }, candidates, overlaps: [] }
  const options = { ...defaultGeneratorOptions, maxArea: 1, dropFrames: false, minArea: 0 }
  const floors = { predIouThresh: 0.4, stabilityScoreThresh: 0.4 }
  const { best, trials } = await tuneThresholds([{ set, pairs: overlaps, ious: none }], options, {
    floors,
    areas: false,
    relativeScore: 0.5,
  })
  assert.ok(trials.slice(0, 20).every(({ thresholds }) => thresholds.relativeScoreThresh === 0.5))
  assert.is(trials[0].scores.masks, 413, 'the highest F1 is that of all masks')
  assert.is(best.scores.masks, 410)
})

test('particles that no point is in and that no mask finds are left out', () => {
  // three particles of 2 x 2 pixels in a row: one with a point in it, one that a mask finds, one with neither
  const [width, height] = [12, 2]
  const data = Uint16Array.from([0, 1].flatMap(() => [5, 5, 0, 0, 7, 7, 0, 0, 9, 9, 0, 0]))
  const labels = { width, height, data }
  const reached = reachedLabels(labels, pairMasks(labels, [square(4, 0, 2)]), [
    [1.5, 0.5],
    [11, 1],
  ])
  assert.equal(
    [...reached.data],
    [0, 1].flatMap(() => [5, 5, 0, 0, 7, 7, 0, 0, 0, 0, 0, 0]),
  )
  assert.is(labels.data[8], 9, 'the labels themselves are not changed')
})

test('an image is searched at the scale of its particles, with the points of its tiles', async () => {
  // four points a side: the whole image has one at 25 and 75 pixels …, tiles of 100 have theirs at 12.5, 37.5 …
  const side = 200
  const data = new Uint16Array(side * side)
  const paint = (id: number, x0: number, y0: number) => {
    for (let y = y0; y < y0 + 4; y++) data.fill(id, y * side + x0, y * side + x0 + 4)
  }
  paint(1, 23, 23)
  paint(2, 11, 11)
  paint(3, 36, 36)
  const views: unknown[] = []
  const generator = {
    model: { inputSize: 200 },
    options: { ...defaultGeneratorOptions, prompts: 'grid', pointsPerSide: 4 },
    async candidates(_: unknown, __: unknown, view?: { tileSize: number }) {
      views.push(view?.tileSize)
      return { size: { width: side, height: side }, overlaps: [], candidates: [] }
    },
  } as unknown as MaskGenerator
  const image = { width: side, height: side, rgb: new Uint8Array(side * side * 3) }
  const find = async (diameter: number | 'none') => {
    const scale = { diameter, band: { low: 8, target: 8, high: 100 } }
    return findTuneImage(generator, image, { width: side, height: side, data }, { scale, coarse: true })
  }
  const whole = await find('none')
  assert.equal([whole.view.tileSize, whole.pairs.instances], [0, 1])
  const tiled = await find(4)
  assert.is(tiled.view.tileSize, 100)
  assert.is(tiled.pairs.instances, 2, 'other particles have a point in them now')
  assert.equal(views, [0, 100])
})

test.run()
