/** @file Views in words. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { statedSize } from '../../../engine/scale/particle-size'
import { viewForPrompts } from '../../../engine/scale/prompt-parts'
import { wholeView } from '../../../engine/scale/view'
import { describePromptView, describeView } from '../../../src/model/describe-view'
import { regionOf } from '../../support/masks'

test('of one prompt it is said in which part its object was seen', () => {
  const image = { width: 6000, height: 4000 }
  const view = viewForPrompts(image, 1024, statedSize(12), 1, {})
  assert.is(view.tileSize, 512)
  assert.ok(view.tiles > 64 && view.limit === 'magnification', 'many tiles are no limit for one prompt')
  const said = (side: number) => describePromptView(view, regionOf(100, 0, 100 + side, side))
  assert.is(
    said(512),
    `particles of 12 px, 24 px at the input: one tile of 512 px, of ${view.tiles} that cover the image (the image has no more pixels to show)`,
  )
  assert.is(
    said(1024),
    'particles of 12 px, 12 px at the input: a part of 1024 px, because the object does not fit into a tile of 512 px',
  )
  const whole = wholeView(image, 1024, 300)
  assert.is(describePromptView(whole, regionOf(0, 0, 6000, 4000)), describeView(whole))
  assert.is(describeView(whole), 'particles of 300 px, 51 px at the input: the whole image')
})

test.run()
