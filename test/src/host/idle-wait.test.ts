import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { waitWithNaps } from '../../../src/host/idle-wait'

/** A promise like those of Dawn's bindings: the event loop polls continuously until it is settled. Counts the turns. */
function polled<T>(ms: number, settle: () => T) {
  const state = { turns: 0 }
  const end = performance.now() + ms
  const promise = new Promise<T>((resolve, reject) => {
    const poll = () => {
      state.turns++
      if (performance.now() < end) return void setImmediate(poll)
      try {
        resolve(settle())
      } catch (error) {
        reject(error)
      }
    }
    setImmediate(poll)
  })
  return { state, promise }
}

test('a busy event loop is slowed to a few turns, and the result is returned', async () => {
  const { state, promise } = polled(200, () => 'done')
  assert.is(await waitWithNaps(() => promise), 'done')
  // naps of a sixteenth of the time waited, at most 8 ms: about 80 turns after the first millisecond
  assert.ok(state.turns > 5 && state.turns < 2000, `${state.turns} turns`)
})

test('several waits share their naps', async () => {
  const waits = Array.from({ length: 20 }, (_, i) => polled(100 + i, () => i))
  const all = await Promise.all(waits.map(({ promise }) => waitWithNaps(() => promise)))
  assert.equal(all, [...all.keys()])
  // 20 naps per turn would allow about one turn
  assert.ok(waits[0].state.turns > 8, `${waits[0].state.turns} turns`)
})

test('consecutive waits do not add up their naps', async () => {
  const { wait } = Atomics
  let naps = 0
  Atomics.wait = ((...given: Parameters<typeof wait>) => (naps++, wait(...given))) as typeof wait
  try {
    // each wait begins when the previous one ends, in the same turn of the loop, whose nap is still scheduled
    for (let i = 0; i < 300; i++) await waitWithNaps(() => Promise.resolve())
    naps = 0
    const { state, promise } = polled(100, () => 1)
    await waitWithNaps(() => promise)
    assert.ok(naps <= state.turns + 1, `${naps} naps in ${state.turns} turns`)
  } finally {
    Atomics.wait = wait
  }
})

test('a rejection is passed on, and the event loop then runs at full speed again', async () => {
  const { promise } = polled(20, () => {
    throw new Error('lost')
  })
  const said = await waitWithNaps(() => promise).catch((error: Error) => error.message)
  assert.is(said, 'lost')
  const start = performance.now()
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  const free = polled(50, () => 1)
  await free.promise
  assert.ok(free.state.turns > 2000, `${free.state.turns} turns in 50 ms, ${performance.now() - start} ms`)
})

test.run()
