/** @file The search for thresholds on labelled images. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CandidateMeasures } from '../../../engine/generate/candidate'
import { defaultGeneratorOptions, referenceThresholds } from '../../../engine/generate/generator-options'
import { type Mask, maskBox } from '../../../engine/masks/mask'
import { bestIous, pairMasks } from '../../../engine/tune/detection'
import type { MaskGenerator } from '../../../engine/generate/generator'
import { findTuneImage, reachedLabels, tuneThresholds } from '../../../engine/tune/tune-thresholds'
import { regionOf } from '../../support/masks'

/** Thresholds before the search that are stricter than all that it tries. */
const strict = { ...defaultGeneratorOptions, ...referenceThresholds }

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
  const options = { ...strict, maxArea: 1 }
  const { chosen, before, trials } = await tuneThresholds([image()], options, {
    floors: { predIouThresh: 0.4, stabilityScoreThresh: 0.4 },
    areas: true,
    relativeScore: 0,
  })
  assert.is(before.scores.at[0].found, 0, 'the defaults find none')
  assert.is(chosen.f1, 1)
  const { predIouThresh, stabilityScoreThresh, minArea } = chosen.thresholds
  assert.ok(predIouThresh >= 0.64 && predIouThresh < 0.7, `${predIouThresh}`)
  assert.ok(stabilityScoreThresh <= 0.8)
  assert.ok(minArea > 16 && minArea <= 225)
  assert.is(chosen.scores.countError, 0)
  assert.ok(trials.every(({ f1 }) => f1 <= chosen.f1))
})

test('thresholds below the floors are not tried', async () => {
  const floors = { predIouThresh: 0.8, stabilityScoreThresh: 0.7 }
  const { trials } = await tuneThresholds(
    [image()],
    { ...strict, maxArea: 1 },
    { floors, areas: true, relativeScore: 0 },
  )
  assert.ok(trials.every(({ thresholds }) => thresholds.predIouThresh >= 0.8 && thresholds.stabilityScoreThresh >= 0.7))
})

test('without a search of areas the minimum area stays as it is', async () => {
  const options = { ...strict, maxArea: 1, minArea: 7 }
  const floors = { predIouThresh: 0.4, stabilityScoreThresh: 0.4 }
  const { trials } = await tuneThresholds([image()], options, { floors, areas: false, relativeScore: 0 })
  assert.ok(trials.every(({ thresholds }) => thresholds.minArea === 7))
})

/** Small masks in a row, `right` ones each over a particle of its own; every particle has one. */
function row(kinds: { count: number; predictedIou: number; right: boolean }[]) {
  const all = kinds.flatMap((kind) => Array.from({ length: kind.count }, () => kind))
  const size = { width: 3 * all.length, height: 3 }
  const candidates = all.map(({ predictedIou }, i): CandidateMeasures => ({
    area: 4,
    box: maskBox(square(3 * i, 0, 2)),
    predictedIou,
    stability: 1,
    crop: regionOf(0, 0, size.width, 3),
  }))
  const found = all.flatMap(({ right }, mask) => (right ? [mask] : []))
  const pairs = found.map((mask, instance) => ({ mask, instance, iou: 1 }))
  const none = all.map(() => 0)
  const overlaps = { masks: all.length, instances: found.length, pairs, areas: none, uncounted: none }
  return { set: { size, candidates, overlaps: [] }, pairs: overlaps, ious: none }
}

const tuneRow = (kinds: Parameters<typeof row>[0], floor = 0.4) => tuneImage(row(kinds), floor)

const tuneImage = (image: ReturnType<typeof row>, floor = 0.4) =>
  tuneThresholds(
    [image],
    { ...strict, maxArea: 1, dropFrames: false, minArea: 0 },
    {
      floors: { predIouThresh: floor, stabilityScoreThresh: 0.4 },
      areas: false,
      relativeScore: 0.5,
    },
  )

test('of thresholds between which the images cannot decide, the one in the middle is chosen', async () => {
  // from 0.5 to 0.95 all thresholds are equal by three masks of 40
  const { chosen, before, trials } = await tuneRow([
    { count: 38, predictedIou: 0.97, right: true },
    { count: 2, predictedIou: 0.52, right: true },
    { count: 1, predictedIou: 0.51, right: false },
  ])
  assert.ok(trials[0].thresholds.predIouThresh < 0.52, 'the highest F1 is that of the most lenient thresholds')
  assert.ok(Math.abs(chosen.thresholds.predIouThresh - 0.725) < 0.026, `${chosen.thresholds.predIouThresh}`)
  assert.ok(chosen.f1 < trials[0].f1)
  assert.is(before.thresholds.relativeScoreThresh, 0)
  assert.is(chosen.thresholds.relativeScoreThresh, 0.5)
})

test('with many particles a small difference decides', async () => {
  const { chosen, trials } = await tuneRow([
    { count: 930, predictedIou: 0.97, right: true },
    { count: 70, predictedIou: 0.62, right: true },
    { count: 35, predictedIou: 0.52, right: false },
  ])
  assert.is(chosen.f1, trials[0].f1)
  const { predIouThresh } = chosen.thresholds
  assert.ok(predIouThresh >= 0.52 && predIouThresh < 0.62, `${predIouThresh}`)
})

test('where next to nothing is found, thresholds that find it are chosen', async () => {
  const image = row([{ count: 1, predictedIou: 0.52, right: true }])
  image.pairs.instances = 10
  const { chosen, trials } = await tuneImage(image)
  assert.is(chosen.scores.at[0].found, 1)
  assert.is(trials.at(-1)!.f1, 0)
})

test('floors above all thresholds of the search leave the thresholds as they were', async () => {
  const { chosen, before } = await tuneRow([{ count: 3, predictedIou: 0.9, right: true }], 0.995)
  assert.is(chosen, before)
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
    options: { ...strict, prompts: 'grid', pointsPerSide: 4 },
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
