/** @file Short names of adapters in a comparison. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { distinctNames } from '../../../src/evaluation/adapter-names'

test('names consist of the components that differ', () => {
  assert.equal(distinctNames(['runs/a/best', 'runs/b/best']), ['a', 'b'])
  assert.equal(distinctNames(['runs/a/best', 'runs/a/last']), ['best', 'last'])
  assert.equal(distinctNames(['./x', 'y/z/x']), ['x', 'y/z/x'])
  assert.equal(distinctNames(['only/one']), ['one'])
  assert.equal(distinctNames([]), [])
})

test('names are distinct, also from names already taken', () => {
  assert.equal(distinctNames(['a/b', 'a/b']), ['b', 'b (2)'])
  assert.equal(distinctNames(['runs/base', 'runs/c'], ['base']), ['base (2)', 'c'])
})

test.run()
