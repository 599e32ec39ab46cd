/** @file Numbers with their nouns. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { count } from '../../../src/text/count'

test('one is singular, everything else plural, thousands have a comma', () => {
  assert.is(count(1, 'image'), '1 image')
  assert.is(count(0, 'image'), '0 images')
  assert.is(count(2, 'mask is', 'masks are'), '2 masks are')
  assert.is(count(1, 'mask is', 'masks are'), '1 mask is')
  assert.is(count(12_345, 'pixel'), '12,345 pixels')
})

test.run()
