/** @file When an adapter's input size is warned of. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sizeWarning } from '../../../src/model/size-warning'

test('only a decoder’s attention at another size than in training is warned of', () => {
  const encoder = ['image_encoder.blocks.3.attn.q', 'image_encoder.blocks.3.mlp.lin1']
  const decoder = ['image_encoder.blocks.3.attn.q', 'mask_decoder.transformer.layers.0.self_attn.q_proj']
  assert.match(
    sizeWarning('runs/x', decoder, 256, 1024)!,
    /^warning: runs\/x was trained at an input of 256 .* 4096 cells .* of 256, .*--size/,
  )
  assert.is(sizeWarning('runs/x', decoder, 256, 256), null)
  assert.is(sizeWarning('runs/x', decoder, undefined, 256), null)
  assert.match(
    sizeWarning('runs/x', encoder, 256, 1024)!,
    /trained at an input of 256 pixels and is used at 1024.*without --size/,
  )
  assert.is(sizeWarning('runs/x', encoder, 256, 256), null)
  const head = ['mask_decoder.iou_prediction_head.layers.0']
  assert.not.match(sizeWarning('runs/x', head, 256, 1024)!, /attention/)
})

test.run()
