/** @file The estimate of the time left, with a clock that is set by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TimeLeft } from '../../../src/evaluation/time-left'

test('models that have not begun are estimated by the pixels of their input', () => {
  let now = 0
  const contestants = [
    { name: 'watershed', size: null },
    { name: 'adapted', size: 512 },
    { name: 'base', size: 1024 },
  ]
  const time = new TimeLeft(contestants, 10, () => now)
  assert.is(time.seconds, null)
  const report = (at: number, name: string, done: number) => {
    now = 1000 * at
    time.update(name, done)
    return time.seconds
  }
  assert.is(report(1, 'watershed', 5), null, 'nothing is known of models yet')
  assert.is(report(2, 'watershed', 10), null)
  // two seconds an image: 8 are left, and ten at four times the pixels
  assert.is(report(6, 'adapted', 2), 8 * 2 + 10 * 8)
  assert.is(report(22, 'adapted', 10), 10 * 8)
  // faster than expected
  assert.is(report(27, 'base', 1), 9 * 5)
  assert.is(report(72, 'base', 10), 0)
})

test.run()
