import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Paced, Pacer } from '../engine/device/pacer'

/** A pacer on a clock of its own; `run` submits work that takes `ms` and gives how long the wait spun and how late it was. */
function simulation() {
  let clock = 0
  const pacer = new Pacer(
    () => clock,
    async (ms) => void (clock += ms),
  )
  const run = async (work: Paced, ms: number) => {
    const done = clock + ms
    let spun = 0
    pacer.submitted(work)
    await pacer.wait(async () => {
      spun = Math.max(0, done - clock)
      clock = Math.max(clock, done)
    })
    return { spun, late: clock - done }
  }
  return { run }
}

test('after two runs a wait sleeps through most of the work', async () => {
  const { run } = simulation()
  const work: Paced = { cost: null, size: 10 }
  assert.is((await run(work, 20_000)).spun, 20_000, 'the first run compiles')
  assert.is((await run(work, 1000)).spun, 1000)
  for (let i = 0; i < 5; i++) {
    const { spun, late } = await run(work, 1000)
    assert.ok(spun <= 151 && late === 0, `spun ${spun}, late ${late}`)
  }
})

test('when work gets quicker, a wait is soon no longer late', async () => {
  const { run } = simulation()
  const work: Paced = { cost: null, size: 10 }
  await run(work, 20_000)
  await run(work, 20_000)
  let late = 0
  for (let i = 0; i < 4; i++) late += (await run(work, 2000)).late
  assert.ok(late < 28_000, `late by ${late}`)
  for (let i = 0; i < 4; i++) assert.is((await run(work, 2000)).late, 0)
})

test('a slow run now and then costs little', async () => {
  const { run } = simulation()
  const work: Paced = { cost: null, size: 10 }
  await run(work, 1000)
  await run(work, 1000)
  await run(work, 5000)
  let late = 0
  for (let i = 0; i < 6; i++) late += (await run(work, 1000)).late
  assert.ok(late < 5000, `late by ${late}`)
  assert.is((await run(work, 1000)).late, 0)
})

test('a run that was held up for minutes is not slept through again', async () => {
  const { run } = simulation()
  const work: Paced = { cost: null, size: 10 }
  await run(work, 1000)
  await run(work, 1000)
  await run(work, 300_000)
  for (let i = 0; i < 4; i++) {
    const { late } = await run(work, 1000)
    assert.ok(late < 500, `late by ${late}`)
  }
})

test.run()
