/** @file Which IoU the review page shows. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { iouDetails, shownIou } from '../../../../src/review/page/state/shown-iou'

test('the calibrated IoU where there is one, else the predicted one; both for people who want to know', () => {
  const both = { predictedIou: 0.93, calibratedIou: 0.8125 }
  assert.is(shownIou(both), 0.8125)
  assert.is(iouDetails(both), 'predicted 0.930, calibrated 0.813')
  assert.is(shownIou({ predictedIou: 0.93 }), 0.93)
  assert.is(iouDetails({ predictedIou: 0.93 }), '')
  assert.is(shownIou({ predictedIou: null, calibratedIou: null }), null)
})

test.run()
