/** @file The calibration of the predicted IoU of automatic masks, on candidates whose true IoU is known. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CandidateMeasures } from '../../../engine/generate/candidate'
import { defaultGeneratorOptions } from '../../../engine/generate/generator-options'
import { Rng } from '../../../engine/rng'
import { calibrateGenerator } from '../../../engine/tune/calibrate-generator'
import { describeCalibration, reliabilityOfDetections } from '../../../src/evaluation/calibrate-generator'
import type { TuneImage } from '../../../engine/tune/tune-thresholds'
import { calibrate } from '../../../engine/tune/calibration'
import { regionOf } from '../../support/masks'

const options = {
  ...defaultGeneratorOptions,
  ...{ stabilityScoreThresh: 0.5, relativeScoreThresh: 0, maxArea: 1, dropFrames: false },
}

/** Masks side by side whose true IoU is 0.3 less than predicted; `unstable` ones, of IoU 0, do not pass the stability filter. */
function image(seed: number, count: number, unstable = 0): TuneImage {
  const rng = new Rng(seed, 0)
  const candidates = Array.from({ length: count + unstable }, (_, i): CandidateMeasures => {
    const box = { x0: 4 * i, y0: 0, x1: 4 * i + 2, y1: 2 }
    const stability = i < count ? 0.9 : 0.1
    return { area: 9, box, predictedIou: 0.45 + 0.5 * rng.next(), stability, crop: regionOf(0, 0, 9999, 9) }
  })
  const ious = candidates.map(({ predictedIou }, i) => (i < count ? predictedIou - 0.3 : 0))
  const none = candidates.map(() => 0)
  const pairs = { masks: candidates.length, instances: count, pairs: [], areas: none, uncounted: none }
  return { set: { size: { width: 9999, height: 9 }, candidates, overlaps: [] }, pairs, ious }
}

test('the fit corrects a bias, and its reliability is that on images left out', () => {
  const images = [1, 2, 3, 4].map((seed) => image(seed, 60, 20))
  const found = calibrateGenerator(images, options, 0.4)!
  assert.is(found.images, 4)
  assert.is(found.masks, 240, 'masks that the filters drop do not count')
  // 240 observations, damped by a prior of 20
  assert.ok(Math.abs(calibrate(found.knots, 0.7) - (0.7 - (0.3 * 240) / 260)) < 0.01)
  const { raw, calibrated } = found.reliability!
  assert.ok(Math.abs(raw.error - 0.3) < 1e-9, 'every mask is 0.3 worse than predicted')
  assert.ok(calibrated!.error > 0.02 && calibrated!.error < 0.06, `${calibrated!.error}: of 180 masks, 0.03 remain`)
  assert.is(
    raw.bins.reduce((sum, { count }) => sum + count, 0),
    240,
  )
  assert.match(
    describeCalibration(found),
    /^predicted IoU calibrated on 240 masks of 4 images: calibration error 30\.0 % before, \d\.\d % after, on images left out/,
  )
})

test('one image gives a fit whose reliability is unknown; few masks give none', () => {
  assert.is(calibrateGenerator([image(1, 60)], options, 0.4)!.reliability, null)
  assert.is(calibrateGenerator([image(1, 5), image(2, 5)], options, 0.4), null)
  assert.is(calibrateGenerator([image(1, 60)], options, 0.99), null, 'no mask above the floor')
})

test('a fit that does worse on images left out is not taken', () => {
  // of two images one has masks that are better than predicted, the other worse: each misleads the fit for the other
  const [first, second] = [image(1, 60), image(2, 60)]
  const better = { ...second, ious: second.ious.map((iou) => Math.min(1, iou + 0.45)) }
  assert.ok(calibrateGenerator([first, second], options, 0.4))
  assert.is(calibrateGenerator([first, better], options, 0.4), null)
})

test('reliability of evaluated masks, as predicted and calibrated', () => {
  const detections = [0.9, 0.7, 0.8].map((score) => ({ score, iou: score - 0.2, hits: 0 }))
  const plain = reliabilityOfDetections(detections, null)!
  assert.is(plain.calibrated, null)
  assert.ok(Math.abs(plain.raw.error - 0.2) < 1e-12)
  const knots = [
    [0.6, 0.4],
    [1, 0.8],
  ] as const
  assert.ok(reliabilityOfDetections(detections, knots)!.calibrated!.error < 1e-12)
  assert.is(reliabilityOfDetections([], knots), null)
  assert.is(reliabilityOfDetections([...detections, { score: null, iou: 1, hits: 0 }], knots), null, 'the watershed')
})

test.run()
