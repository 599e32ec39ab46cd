/** Items are read one ahead, in order and once each; errors are thrown at their own turn. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadAhead } from '../../engine/read-ahead'

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

test('the next item is read while the present one is used, each once', async () => {
  const read: number[] = []
  const items = new ReadAhead([0, 1, 2].map((i) => async () => (read.push(i), i * 10)))
  assert.is(items.next, null)
  assert.is(await items.take(0), 0)
  assert.equal(read, [0], 'not before what the caller does at once')
  await turn()
  assert.equal([read, items.next], [[0, 1], 10])
  assert.is(await items.take(1), 10)
  assert.is(items.next, null, 'the one after it is not read yet')
  assert.is(await items.take(2), 20)
  await turn()
  assert.equal([read, items.next], [[0, 1, 2], null])
})

test('an error is thrown at its own turn, and one that is never taken does not matter', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  const failing = () => Promise.reject(new Error('unreadable'))
  const items = new ReadAhead([async () => 1, failing, async () => 3])
  assert.is(await items.take(0), 1)
  await turn()
  assert.is(items.next, null)
  const message = await items.take(1).catch((error: Error) => error.message)
  assert.is(message, 'unreadable')
  assert.is(await items.take(2), 3)
  const others = new ReadAhead([async () => 1, failing])
  await others.take(0)
  await turn()
  process.off('unhandledRejection', note)
  assert.equal(unhandled, [])
})

test.run()
