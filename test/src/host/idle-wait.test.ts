import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { waitWithNaps } from '../../../src/host/idle-wait'

/** A promise as Dawn's bindings make them: the event loop turns without rest until it is settled. Counts the turns. */
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

test('a busy loop of the event loop is slowed to some turns, and the answer comes through', async () => {
  const { state, promise } = polled(200, () => 'done')
  assert.is(await waitWithNaps(() => promise), 'done')
  // naps of a sixteenth of the time waited, at most 8 ms: about 80 turns after the first millisecond
  assert.ok(state.turns > 5 && state.turns < 2000, `${state.turns} turns`)
})

test('several waits share their naps', async () => {
  const waits = Array.from({ length: 20 }, (_, i) => polled(100 + i, () => i))
  const all = await Promise.all(waits.map(({ promise }) => waitWithNaps(() => promise)))
  assert.equal(all, [...all.keys()])
  // 20 naps a turn would leave it about one turn
  assert.ok(waits[0].state.turns > 8, `${waits[0].state.turns} turns`)
})

test('waits one after the other do not add up their naps', async () => {
  const { wait } = Atomics
  let naps = 0
  Atomics.wait = ((...given: Parameters<typeof wait>) => (naps++, wait(...given))) as typeof wait
  try {
    // each begins as the one before ends, in the same turn of the loop: its nap is still due
    for (let i = 0; i < 300; i++) await waitWithNaps(() => Promise.resolve())
    naps = 0
    const { state, promise } = polled(100, () => 1)
    await waitWithNaps(() => promise)
    assert.ok(naps <= state.turns + 1, `${naps} naps in ${state.turns} turns`)
  } finally {
    Atomics.wait = wait
  }
})

test('a refusal comes through, and the loop is then left alone', async () => {
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
