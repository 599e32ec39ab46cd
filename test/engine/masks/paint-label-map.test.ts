/** @file Label maps painted from masks that overlap. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { labelMap } from '../../../engine/masks/paint-label-map'
import { block } from '../../support/masks'

test('a pixel gets the label of the smallest mask, of equal ones the earlier', () => {
  const { data } = labelMap([block(0, 0, 2, 1), block(0, 0, 4, 2), block(1, 0, 2, 1)], { width: 4, height: 2 })
  assert.equal([...data], [1, 1, 3, 2, 2, 2, 2, 2])
})

test('as many labels as 16 bits hold, and no more', () => {
  const size = { width: 256, height: 256 }
  const masks = Array.from({ length: 65535 }, (_, i) => block(i % 256, i >> 8, 1, 1))
  const { data } = labelMap(masks, size)
  assert.is(data[65534], 65535)
  assert.is(data[65535], 0)
  assert.throws(() => labelMap([...masks, block(0, 0, 1, 1)], size), /65535 masks at most, not 65536/)
  assert.throws(() => labelMap([block(255, 0, 2, 1)], size), /mask 1 leaves the image/)
  assert.equal([...labelMap([], { width: 2, height: 1 }).data], [0, 0])
})

test.run()
