import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EpochSampler } from '../../../engine/finetune/epoch-sampler'

const take = (sampler: EpochSampler, n: number) => Array.from({ length: n }, () => sampler.next())

test('every item once an epoch, each epoch in another order', () => {
  const sampler = new EpochSampler(50, 1)
  const first = take(sampler, 50)
  assert.is(sampler.epoch, 1)
  const second = take(sampler, 50)
  for (const epoch of [first, second]) assert.is(new Set(epoch).size, 50)
  assert.not.equal(first, second)
  assert.equal(take(new EpochSampler(50, 1), 50), first)
  assert.not.equal(take(new EpochSampler(50, 2), 50), first)
})

test('a kept state continues with the same indices, from anywhere', () => {
  for (const taken of [0, 1, 6, 7, 13, 14, 20]) {
    const sampler = new EpochSampler(7, 3)
    take(sampler, taken)
    const kept = JSON.stringify(sampler.state())
    const rest = take(sampler, 40)
    const resumed = new EpochSampler(7, 999).restore(JSON.parse(kept))
    assert.equal([resumed.epoch, resumed.left], [Math.floor(taken / 7), 7 - (taken % 7)])
    assert.equal(take(resumed, 40), rest)
  }
})

test('states of other sets and damaged ones are refused', () => {
  const sampler = new EpochSampler(7, 3)
  const state = sampler.state()
  assert.throws(() => new EpochSampler(8, 3).restore(state), /for 7 training images, now there are 8/)
  assert.throws(() => sampler.restore({ ...state, order: [0, 0, 1, 2, 3, 4, 5] }), /damaged/)
  assert.throws(() => sampler.restore({ ...state, position: 7 }), /damaged/)
  assert.throws(() => sampler.restore({ ...state, rng: [0, 0, 0, 0] }), /damaged/)
  assert.throws(() => new EpochSampler(0, 1), /at least one/)
})

test('one item is given again and again', () => {
  assert.equal(take(new EpochSampler(1, 1), 3), [0, 0, 0])
})

test.run()
