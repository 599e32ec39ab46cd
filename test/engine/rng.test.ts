/** @file Seeded random numbers: known values, streams, saved states, distributions. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng, type RngState } from '../../engine/rng'

test('a seed gives the same words on every machine', () => {
  const rng = new Rng(42)
  assert.equal(rng.state(), [2516120037, 370537141, 3985488272, 719509131])
  // xoshiro128**'s published step from the state 1, 2, 3, 4
  const known = Rng.from([1, 2, 3, 4])
  assert.equal([known.uint32(), known.uint32(), known.uint32(), known.uint32()], [11520, 0, 5927040, 70819200])
})

test('seeds and streams differ, the largest seed included', () => {
  const first = (seed: number, stream = 0) => new Rng(seed, stream).uint32()
  const seen = [first(0), first(1), first(0, 1), first(2 ** 32), first(Number.MAX_SAFE_INTEGER)]
  assert.is(new Set(seen).size, seen.length)
  for (const bad of [-1, 0.5, NaN, 2 ** 53]) assert.throws(() => new Rng(bad), /seed must be an integer/)
})

test('a state saved as JSON continues with the same numbers', () => {
  const rng = new Rng(7)
  for (let i = 0; i < 100; i++) rng.normal()
  const kept = JSON.stringify(rng.state())
  const draws = (r: Rng) => [r.next(), r.normal(), r.int(10), ...(r.shuffle([1, 2, 3, 4, 5]) as number[])]
  assert.equal(draws(Rng.from(JSON.parse(kept) as RngState)), draws(rng))
  for (const bad of [[0, 0, 0, 0], [1, 2, 3], [1, 2, 3, -1], [1, 2, 3, 2 ** 32], 'no'])
    assert.throws(() => rng.restore(bad as RngState), /damaged/)
})

test('uniform and normal have their moments', () => {
  const rng = new Rng(1)
  const n = 100000
  let sum = 0
  let sum2 = 0
  let sum4 = 0
  const counts = new Array(7).fill(0)
  for (let i = 0; i < n; i++) {
    const z = rng.normal()
    sum += z
    sum2 += z * z
    sum4 += z ** 4
    counts[rng.int(7)]++
  }
  assert.ok(Math.abs(sum / n) < 0.015)
  assert.ok(Math.abs(sum2 / n - 1) < 0.02)
  assert.ok(Math.abs(sum4 / n - 3) < 0.15)
  for (const count of counts) assert.ok(Math.abs(count - n / 7) < 600)
  assert.throws(() => rng.int(0), /does not exist/)
})

test('a shuffle keeps every item and reaches every position', () => {
  const rng = new Rng(3)
  const seen = new Set<string>()
  for (let i = 0; i < 200; i++) seen.add(rng.shuffle(['a', 'b', 'c']).join(''))
  assert.is(seen.size, 6)
  assert.equal([...rng.shuffle(new Uint16Array([5, 6, 7]))].sort(), [5, 6, 7])
})

test.run()
