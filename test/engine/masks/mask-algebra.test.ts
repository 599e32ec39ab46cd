/** @file Set operations on masks: exact on small pictures. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { maskArea } from '../../../engine/masks/mask'
import { paintMasks, subtractMasks, uniteMasks } from '../../../engine/masks/mask-algebra'
import { drawn, rows } from '../../support/masks'

test('union and difference, of masks apart, touching and one in the other', () => {
  const a = drawn(['##', '##'], 1, 1)
  const b = drawn(['###', '###'], 2, 2)
  assert.equal(rows(uniteMasks([a, b]), 6, 5), ['......', '.##...', '.####.', '..###.', '......'])
  assert.equal(rows(subtractMasks(b, [a]), 6, 5), ['......', '......', '...##.', '..###.', '......'])
  const far = drawn(['#'], 9, 7)
  assert.is(maskArea(uniteMasks([a, far])), 5)
  assert.is(maskArea(subtractMasks(a, [far])), 4)
  assert.is(subtractMasks(a, [uniteMasks([a, b])]).width, 0, 'nothing is left')
  assert.equal([subtractMasks(b, [a]).x0, subtractMasks(b, [a]).width], [2, 3], 'the box is tight')
  assert.is(subtractMasks(drawn(['#####'], 0, 0), [drawn(['###'], 0, 0)]).x0, 3)
})

test('masks painted into the plane of their image', () => {
  const size = { width: 4, height: 3 }
  assert.equal([...paintMasks([drawn(['#.', '##'], 2, 1)], size, 255)], [0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 255, 255])
  assert.equal([...paintMasks([drawn(['##']), drawn(['.#'], 1, 0)], size)], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  assert.equal([...paintMasks([], { width: 2, height: 1 })], [0, 0])
})

test.run()
