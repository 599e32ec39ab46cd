/** @file Tests src/training/drift.ts: parameters that differ between ranks become those of rank 0. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ParameterSet } from '../../../engine/train/parameters'
import { DriftGuard } from '../../../src/training/drift'
import { agreement } from '../../../src/training/joint-training'
import { engine } from '../../support/engine'
import { inMemoryRanks } from '../../support/in-memory-ranks'

const sets = () =>
  [0, 1, 2].map(
    () => new ParameterSet(engine, [{ name: 'a', shape: [3], init: Float32Array.of(1, 2, 3) }], undefined, true),
  )

test('a rank that has other values or moments takes those of rank 0, which is said once', async () => {
  const all = sets()
  const ranks = inMemoryRanks(3)
  const [lines, refreshed]: [string[], number[]] = [[], []]
  const guards = all.map((parameters, rank) => {
    const refresh = () => void refreshed.push(rank)
    return new DriftGuard(ranks[rank], { parameters, refresh }, (line) => lines.push(`${rank}: ${line}`))
  })
  const check = () => Promise.all(guards.map((guard) => guard.check()))
  assert.equal(await check(), [[], [], []])
  const [own] = await all[1].download()
  for (const changed of [
    { ...own, values: Float32Array.of(1, 2, 3.0000002) },
    { ...own, v: Float32Array.of(0, 0, 1e-30) },
  ]) {
    all[1].upload([changed])
    assert.equal(await check(), [[1], [1], [1]])
    assert.equal(await all[1].download(), await all[0].download())
  }
  assert.equal(await check(), [[], [], []])
  assert.equal(
    lines.filter((line) => line.startsWith('0')).map((line) => /rank 1 were no longer/.test(line)),
    [true],
  )
  assert.equal(refreshed.sort(), [1, 1, 2, 2])
  all.forEach((set) => set.release())
})

test('the parameters are compared when rank 0 has written a checkpoint, between the same steps at all ranks', async () => {
  const ranks = inMemoryRanks(2)
  let saved = -1
  const checked: string[] = []
  let step = 0
  const together = ranks.map((one, rank) =>
    agreement(
      one,
      () => (rank ? 99 : saved),
      () => {},
      async () => void checked.push(`${rank} before ${step}`),
    )!,
  )
  for (const now of [0, 0, 5, 5, 7]) {
    saved = now
    step++
    await Promise.all(together.map((agree) => agree({ stop: false, seconds: 1 })))
  }
  assert.equal(checked.sort(), ['0 before 3', '0 before 5', '1 before 3', '1 before 5'])
})

test.run()
