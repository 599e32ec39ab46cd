/** @file The playground's thresholds as long as nobody typed any. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { learnedThresholds } from '../../../engine/generate/generator-options'
import { usualThresholds } from '../../../src/playground/page/state/usual-thresholds'

test('an adapter’s own thresholds come first, then those for its prompts', () => {
  const own = { predIouThresh: 0.8, stabilityScoreThresh: 0.9, relativeScoreThresh: 0 }
  const lax = { predIouThresh: 0.7, stabilityScoreThresh: 0.8, relativeScoreThresh: 0 }
  assert.equal(usualThresholds({ head: true, thresholds: own }), own)
  assert.equal(usualThresholds({ head: false, thresholds: own }), own)
  assert.equal(usualThresholds({ head: true, thresholds: null }), learnedThresholds)
  assert.equal(usualThresholds({ head: false, thresholds: null }), lax)
  assert.equal(usualThresholds(null), lax)
})

test.run()
