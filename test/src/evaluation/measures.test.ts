/** @file The measures of several images together, computed by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { instances } from '../../../engine/masks/instances'
import { paintMasks } from '../../../engine/masks/mask-algebra'
import { automaticMatches } from '../../../src/evaluation/matching'
import { scoreMode, summariseTallies } from '../../../src/evaluation/scores'
import { measureNames, measures } from '../../../src/evaluation/measures'
import { tallyImage } from '../../../src/evaluation/image-tally'
import type { Mask } from '../../../engine/masks/mask'
import { block, labelsOf } from '../../support/masks'

const close = (actual: number, expected: number, name = '') =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${name} ${actual}, not ${expected}`)

function image(id: string, rectangles: number[][], masks: Mask[], scores: (number | null)[]) {
  const labels = labelsOf(40, 20, rectangles)
  const union = paintMasks(masks, { width: 40, height: 20 })
  return tallyImage({
    id,
    labels,
    instances: instances(labels),
    masks,
    matches: automaticMatches(labels, masks, scores, 16),
    union,
  })
}

/** Two squares of 100: one found exactly, one by 60 of its pixels; and an invented mask of 25. */
const first = image(
  'a',
  [
    [1, 0, 0, 9, 9],
    [2, 20, 0, 29, 9],
  ],
  [block(0, 0, 10, 10), block(20, 0, 10, 6), block(12, 12, 5, 5)],
  [0.9, 0.8, 0.7],
)
/** One square of 400, found by 300. */
const second = image('b', [[1, 0, 0, 19, 19]], [block(0, 0, 20, 15)], [0.85])
const both = summariseTallies({ prompt: 'auto', images: [first, second] })

test('precision, recall and F1 are computed from all images together', () => {
  // at 0.5: 3 of 4 masks, 3 of 3 instances; at 0.75: the exact one, and 300 of 400
  close(both.precisionAt50, 3 / 4)
  close(both.recallAt50, 1)
  close(both.f1At50, 6 / 7)
  close(both.precisionAt75, 2 / 4)
  close(both.recallAt75, 2 / 3)
  close(both.f1At75, 4 / 7)
})

test('AP is computed from one curve: scores 0.9, 0.85, 0.8, 0.7', () => {
  close(both.ap50, 1, 'three hits, then the miss')
  // hit, hit, miss, miss of three: precision 1 up to recall 2/3, that is for 0 to 0.66
  close(both.ap75, 67 / 101)
  // level by level: 0.5 to 0.6 three hits; to 0.75 two; above one, up to recall 1/3
  close(both.ap, (3 * 1 + 3 * (67 / 101) + 4 * (34 / 101)) / 10)
})

test('SA is TP / (TP + FP + FN) of an image, averaged over images', () => {
  close(both.sa50, (2 / 3 + 1) / 2)
  // first: one hit of 3 masks and 2 instances
  close(both.sa75, (1 / 4 + 1) / 2)
  close(both.msa, ((3 * (2 / 3) + 7 * (1 / 4)) / 10 + 6 / 10) / 2)
})

test('instances have the same weight, images do not', () => {
  close(both.instanceIou, (1 + 0.6 + 0.75) / 3)
  close(both.instanceDice, (1 + 1.2 / 1.6 + 1.5 / 1.75) / 3)
})

test('count error: signed from all images together, absolute as a mean over images', () => {
  close(both.countError, (4 - 3) / 3)
  close(both.absoluteCountError, (1 / 2 + 0) / 2)
})

test('D50 error: signed from all particles together, absolute as a mean over images, by volume', () => {
  const d = (area: number) => 2 * Math.sqrt(area / Math.PI)
  // masks of 25, 60, 100 and 300 pixels, labels of 100, 100 and 400
  close(both.d50Error, (d(60) + d(100)) / 2 / d(100) - 1)
  close(both.absoluteD50Error, ((d(100) - d(60)) / d(100) + (d(400) - d(300)) / d(400)) / 2)
  close(both.d50VolumeError, d(300) / d(400) - 1)
})

test('sizes: the mean over images of the distance, in pixels and of the mean diameter', () => {
  const d = (area: number) => 2 * Math.sqrt(area / Math.PI)
  // masks of 100, 60 and 25 pixels against 100 and 100; thirds against halves: two thirds of the mass move
  const a = (d(100) - d(60)) / 3 + (d(100) - d(25)) / 3
  const b = d(400) - d(300)
  close(both.sizeErrorPixels, (a + b) / 2)
  close(both.sizeError, (a / d(100) + b / d(400)) / 2)
  assert.ok(both.pooled.size.pixels > 0)
})

test('regions and outlines are means over images; pooled pixels beside them', () => {
  const [da, db] = [(2 * 160) / (185 + 200), (2 * 300) / (300 + 400)]
  close(both.dice, (da + db) / 2)
  close(both.pooled.dice, (2 * 460) / (485 + 600))
  close(both.boundaryF, (first.boundary.f + second.boundary.f) / 2)
})

test('a single image has the same measures', () => {
  const [one, other] = both.perImage
  assert.equal([one.id, one.instances, one.masks, other.masks], ['a', 2, 3, 1])
  close(one.f1At50, 4 / 5)
  close(other.ap75, 1)
  assert.equal(one.found, [2, 2, 2, 1, 1, 1, 1, 1, 1, 1])
})

test('without scores there is no average precision; the other measures are unchanged', () => {
  const without = image('a', [[1, 0, 0, 9, 9]], [block(0, 0, 10, 10)], [null])
  const scores = summariseTallies({ prompt: 'auto', images: [without, without] })
  for (const name of measureNames) assert.is(Number.isNaN(scores[name]), name.startsWith('ap'), name)
})

test('no masks at all: numbers, not NaN', () => {
  const nothing = summariseTallies({ prompt: 'auto', images: [image('a', [[1, 0, 0, 9, 9]], [], [])] })
  for (const name of measureNames) assert.ok(Number.isFinite(nothing[name]), name)
  assert.equal(
    [nothing.recallAt50, nothing.f1At50, nothing.ap, nothing.sa50, nothing.countError, nothing.sizeError],
    [0, 0, 0, 0, -1, 1],
  )
})

test('a change is the difference from the rival that is best by the measure, with its own interval', () => {
  const better = image('b', [[1, 0, 0, 19, 19]], [block(0, 0, 20, 20)], [0.85])
  const nothing = image('b', [[1, 0, 0, 19, 19]], [], [])
  const rated = Object.entries({ weak: [first, nothing], strong: [first, second], tested: [first, better] }).map(
    ([name, images]) => ({ name, rival: name !== 'tested', mode: { prompt: 'auto' as const, images } }),
  )
  const [weak, before, after] = scoreMode(rated, { resamples: 500, seed: 0 })
  assert.equal([weak.change, before.change], [null, null])
  const { from, values, intervals, errorRemoved } = after.change!
  assert.ok(weak.dice < before.dice && Math.abs(weak.countError) < Math.abs(before.countError))
  assert.is(from.dice, 'strong')
  assert.is(from.countError, 'weak', 'for each measure its own')
  close(values.dice, after.dice - before.dice)
  close(values.countError, after.countError - weak.countError)
  close(errorRemoved.values.dice, (after.dice - before.dice) / (1 - before.dice))
  close(errorRemoved.values.sizeErrorPixels, 1 - after.sizeErrorPixels / before.sizeErrorPixels)
  assert.is(weak.countError, 0, 'one too many and one too few')
  assert.ok(Number.isNaN(errorRemoved.values.countError), 'there is no error to remove')
  // drawn are two of two: the second image never, once or twice
  const gain = 1 - second.regions.dice
  assert.equal(
    intervals.dice!.map((v) => v.toFixed(9)),
    [0, gain].map((v) => v.toFixed(9)),
  )
  assert.equal(
    errorRemoved.intervals.dice!.map((v) => v.toFixed(9)),
    [0, 1].map((v) => v.toFixed(9)),
  )
  assert.equal(Object.keys(after.intervals).sort(), Object.keys(measures).sort())
  const alone = scoreMode([rated[2]], { resamples: 100, seed: 0 })
  assert.is(alone[0].change, null, 'no rival, no change')
})

test('a rival without error leaves none to remove', () => {
  const perfect = image('b', [[1, 0, 0, 19, 19]], [block(0, 0, 20, 20)], [0.85])
  const rated = [true, false].map((rival) => ({
    name: String(rival),
    rival,
    mode: { prompt: 'auto' as const, images: [perfect, perfect] },
  }))
  const { errorRemoved, values } = scoreMode(rated, { resamples: 100, seed: 0 })[1].change!
  assert.is(values.dice, 0)
  assert.ok(Number.isNaN(errorRemoved.values.dice))
  assert.is(errorRemoved.intervals.dice, null)
})

test.run()
