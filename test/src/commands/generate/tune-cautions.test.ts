/** @file Warnings of `wgsam generate tune`: thresholds of one image, a minimum area of one magnification. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Trial } from '../../../../engine/tune/tune-thresholds'
import { cautions } from '../../../../src/commands/generate/tune-cautions'

const trial = (minArea: number) =>
  ({ thresholds: { predIouThresh: 0.7, stabilityScoreThresh: 0.8, minArea } }) as unknown as Trial

test('one image is warned of, and a minimum area that was raised; several images without one are not', () => {
  assert.match(cautions(1, trial(0), trial(0)).join(), /^warning: thresholds found on one image may not suit others/)
  assert.match(
    cautions(3, trial(600), trial(0)).join(),
    /^warning: the minimum area of 600 pixels suits images of this magnification only/,
  )
  assert.is(cautions(1, trial(600), trial(0)).length, 2)
  assert.equal(cautions(3, trial(600), trial(600)), [])
})

test.run()
