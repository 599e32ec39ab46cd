/** @file Which mask token is chosen. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkFinite, chooseToken } from '../../../engine/sam/mask-tokens'

test('an ambiguous prompt takes the best of tokens 1 to 3 by predicted IoU, a clear one token 0', () => {
  const iou = [0.9, 0.1, 0.8, 0.3]
  assert.is(chooseToken(iou, true), 2)
  assert.is(chooseToken(iou, false), 0)
  assert.is(chooseToken([0.1, 0.5, 0.2, 0.5], true), 1, 'the first of equals')
})

test('predictions that are not finite are refused', () => {
  checkFinite(Float32Array.of(0, 1, 0.5, -1))
  assert.throws(() => checkFinite(Float32Array.of(0, NaN, 0, 0)), /not finite numbers/)
})

test.run()
