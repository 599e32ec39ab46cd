/** @file The thresholds of the playground's proposals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { scoreThresholdsOf } from '../../../engine/generate/filter'
import { defaultGeneratorOptions } from '../../../engine/generate/generator-options'
import { usualThresholds } from '../../../src/playground/page/state/usual-thresholds'

test('they are those that the model or its adapter knows, else the defaults', () => {
  const own = { predIouThresh: 0.6, stabilityScoreThresh: 0.8, relativeScoreThresh: 0.9 }
  const usual = scoreThresholdsOf(defaultGeneratorOptions)
  assert.equal(usualThresholds({ thresholds: own }), own)
  assert.equal(usualThresholds({ thresholds: null }), usual)
  assert.equal(usualThresholds(null), usual)
})

test.run()
