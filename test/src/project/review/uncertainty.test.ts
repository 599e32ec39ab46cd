/** @file How unsure the model was of an image, and the order that follows. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { leastSureFirst, uncertaintyOf } from '../../../../src/project/review/uncertainty'
import { made, square } from '../../../support/review'

const mask = (predictedIou: number | null, stability: number | null, calibratedIou?: number) => ({
  ...made(1, 'proposal', square(1, 1, 4)),
  ...{ predictedIou, stability },
  ...(calibratedIou !== undefined && { calibratedIou }),
})

test('it is 1 minus the mean of expected IoU times stability, the calibrated IoU before the predicted', () => {
  assert.ok(Math.abs(uncertaintyOf([mask(0.8, 0.5), mask(1.2, null)])! - (1 - (0.4 + 1) / 2)) < 1e-12)
  assert.ok(Math.abs(uncertaintyOf([mask(0.9, 1, 0.6)])! - 0.4) < 1e-12)
  assert.is(uncertaintyOf([]), 1, 'nothing was found')
  assert.is(uncertaintyOf([mask(null, null)]), null, 'a watershed or a person made them')
})

test('the least sure come first, those without a measure last, and equal ones keep their order', () => {
  const images = [0.1, null, 0.7, 1, 0.7].map((uncertainty, i) => ({ name: 'abcde'[i], uncertainty }))
  assert.is(
    leastSureFirst(images)
      .map(({ name }) => name)
      .join(''),
    'dceab',
  )
  assert.is(images.map(({ name }) => name).join(''), 'abcde', 'the list that was given stays')
})

test.run()
