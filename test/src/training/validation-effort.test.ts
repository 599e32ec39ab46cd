/** @file How much a run measures on a software adapter, from its configuration alone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkConfig, type RawConfig } from '../../../src/training/config'
import { configHash } from '../../../src/training/config-hash'
import {
  chooseBounds,
  comparisonEffort,
  finishCost,
  resolved,
  tuningImages,
} from '../../../engine/finetune/measuring-effort'
import { describeBounds, sourcesOf } from '../../../src/training/validation-effort'

const config = (over: RawConfig = {}) => checkConfig({ data: ['x'], ...over }, '')

test('on a GPU all images and 64 particles are measured', () => {
  assert.equal(chooseBounds(config(), false, 71, 20), { images: null, instances: 64 })
  assert.equal(comparisonEffort(config(), false, 71, { strengths: 5, sources: sourcesOf(config()) }), {
    images: 8,
    instances: 32,
  })
  assert.is(tuningImages(config(), false, 71), Infinity)
})

test('on a software adapter validations take less than a tenth of the time of training', () => {
  const bounds = chooseBounds(config(), true, 71, 20)
  assert.is(bounds.instances, 16)
  assert.ok(bounds.images! >= 5 && bounds.images! < 20, `${bounds.images} images`)
  // 11 s to train on an image; 2.9 to encode it and 2.7 for 16 prompts, by points and by boxes
  const [training, validation] = [71 * 11, bounds.images! * (2.9 + 2 * 2.7)]
  assert.ok(validation / training < 0.1)
  assert.equal(
    chooseBounds(config(), true, 710, 20),
    { images: null, instances: 16 },
    'few instances for each of many images: all of them',
  )
  assert.is(chooseBounds(config(), true, 3, 20).images, 2, 'never fewer than two')
  const said = describeBounds(config(), bounds, 20)!
  assert.match(
    said,
    new RegExp(`^validations measure ${bounds.images} of the 20 .* 16 particles.*--val-images all --val-instances 64`),
  )
  assert.is(describeBounds(config(), { images: null, instances: 16 }, 20), null)
})

test('the forecast of the end counts the images that are compared and tuned on', () => {
  const numbers = { validated: 20, foreign: 0 }
  // five times 8 validation images and 3 scenes, then 6 images with the generator
  assert.ok(Math.abs(finishCost(config(), false, 71, numbers) - (5 * 11 * (0.27 + 0.031 * 32) + 6 * 5)) < 1e-9)
  assert.is(finishCost(config(), false, 71, { ...numbers, tuneImages: 0, strength: 'full' }), 0)
  const trained = 71 * 40 // images, each as often as it is used
  assert.ok(finishCost(config(), true, 71, numbers) < trained / 10)
})

test('what is asked for is measured, and what a run chose is recorded', () => {
  const given = config({ validation: { images: 12, instances: null } })
  assert.equal(chooseBounds(given, true, 71, 20), { images: 12, instances: null })
  assert.is(describeBounds(given, { images: 12, instances: null }, 20), null)
  const all = config({ validation: { images: null, instances: 64 } })
  assert.equal(chooseBounds(all, true, 71, 20), { images: null, instances: 64 })
  assert.equal(resolved(given), { images: 12, instances: null })
  assert.equal(resolved(config()), { images: null, instances: 64 })
  const bounds = chooseBounds(config(), true, 71, 20)
  const recorded = config({ validation: { ...bounds } })
  assert.equal(chooseBounds(recorded, false, 71, 20), bounds, 'also where the run is resumed on another adapter')
  assert.is.not(configHash(recorded), configHash(config()))
})

test('short runs compare and tune on fewer images', () => {
  assert.equal(comparisonEffort(config(), true, 71, { strengths: 5, sources: sourcesOf(config()) }), {
    images: 3,
    instances: 16,
  })
  assert.equal(comparisonEffort(config({ maxSteps: 10 }), true, 71, { strengths: 5, sources: sourcesOf(config()) }), {
    images: 1,
    instances: 16,
  })
  assert.is(tuningImages(config(), true, 71), 3)
  assert.is(tuningImages(config({ maxSteps: 10 }), true, 71), 1)
})

test.run()
