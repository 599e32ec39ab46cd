/** @file Which mask token is chosen, and its logits. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkFinite, chooseToken, tokenLogits } from '../../../engine/sam/mask-tokens'

test('an ambiguous prompt takes the best of tokens 1 to 3 by predicted IoU, a clear one token 0', () => {
  const iou = Float32Array.of(0.9, 0.1, 0.8, 0.3, 0.1, 0.5, 0.2, 0.5)
  const logits = Float32Array.from({ length: 16 }, (_, i) => i)
  const prediction = { logits, iou }
  assert.is(chooseToken(prediction, 0, true), 2)
  assert.is(chooseToken(prediction, 0, false), 0)
  assert.is(chooseToken(prediction, 1, true), 1, 'the first of equals')
  assert.equal([...tokenLogits(prediction, 1, 3)], [14, 15])
})

test('predictions that are not finite are refused', () => {
  const logits = new Float32Array(4)
  checkFinite({ logits, iou: Float32Array.of(0, 1, 0.5, -1) })
  assert.throws(() => checkFinite({ logits, iou: Float32Array.of(0, NaN, 0, 0) }), /not finite numbers/)
})

test.run()
