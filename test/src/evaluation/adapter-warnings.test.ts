import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ComparedSource } from '../../../engine/train/adapter-profile'
import { adapterWarnings, worseSources } from '../../../src/evaluation/adapter-warnings'
import { tunedOnSixImages } from '../../support/tuned-thresholds'

const thresholds = { predIouThresh: 0.8, stabilityScoreThresh: 0.9, ...tunedOnSixImages }

const source = (name: string, base: number, adapter: number): ComparedSource => ({
  name,
  foreign: true,
  images: 3,
  base: { point: base, box: 0.9 },
  adapter: { point: adapter, box: 0.9 },
})

test('an adapter that was measured and is worse nowhere has no warnings, as one that was never measured', () => {
  assert.equal(adapterWarnings({}), [])
  const strength = { value: 1, safe: true, sources: [source('powder', 0.8, 0.9), source('spheres', 0.8, 0.7995)] }
  assert.equal(adapterWarnings({ strength, thresholds }), [])
})

test('sources on which the base model is better are named, at the same input and at its own', () => {
  const worse = { ...source('powder', 0.9, 0.8), own: { point: 0.95, box: 0.85 } }
  const strength = { value: 0.25, safe: false, ownSize: 1024, sources: [worse, source('spheres', 0.8, 0.9)] }
  assert.equal(worseSources(strength), [worse])
  const [same, own, ...others] = adapterWarnings({ strength })
  assert.match(same, /^warning: .* worse than its base model on images like powder: leave out --adapter/)
  assert.match(own, /^warning: on images like powder the base model at its own input of 1024 is better with point/)
  assert.equal(others, [])
})

test('a watershed that found more in the tuning is named', () => {
  const f1 = { before: 0.4, after: 0.6, watershed: 0.7 }
  const [line, ...others] = adapterWarnings({ thresholds: { ...thresholds, f1 } })
  assert.match(line, /^warning: .* watershed finds more particles than the adapter \(F1 70\.0 % against 60\.0 %\)/)
  assert.equal(others, [])
})

test.run()
