import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkConfig } from '../../../src/training/config'
import { validationDue, validationsLeft } from '../../../engine/finetune/schedule'
import { TimeLeft } from '../../../engine/finetune/time-left'

const config = (changes: object) => checkConfig({ data: ['x'], batch: 2, ...changes }, 'test')

test('the validations left are those that become due one by one', () => {
  for (const [changes, images, total] of [
    [{ epochs: 6, validation: { every: 1 } }, 7, 21],
    [{ epochs: 5, validation: { every: 2 } }, 10, 25],
    [{ validation: { every: 1 } }, 1, 100],
    [{ validation: { every: 0 } }, 8, 100],
  ] as const) {
    let last = 0
    const due: number[] = []
    for (let step = 1; step <= total; step++)
      if (validationDue(config(changes), images, last, step, total)) due.push((last = step))
    for (let step = 0; step <= total; step++) {
      const after = due.filter((s) => s > step).length
      assert.is(validationsLeft(config(changes), images, step, total), after, `${JSON.stringify(changes)} step ${step}`)
    }
  }
})

test('a slow validation before the first step does not count as the time of steps', () => {
  const left = new TimeLeft(config({ epochs: 10, validation: { every: 5 } }), 20, 100)
  left.validationTook(300)
  assert.is(left.after(0, 300), null)
  left.stepTook(2)
  left.stepTook(4)
  assert.is(left.after(2, 306), 3 * 98 + 2 * 300)
})

test('a time limit bounds the time left', () => {
  const left = new TimeLeft(config({ epochs: 10, minutes: 1, validation: { every: 0 } }), 20, 100)
  left.stepTook(10)
  assert.is(left.after(1, 10), 50)
  assert.is(left.after(1, 90), 0)
})

test.run()
