/** @file Load before measurements: as long as the pause, and none on a software adapter; both precisions on one device. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inHigh, withPrecision } from '../../bench/precisions'
import { loadAfter, warmUp, wasBusy } from '../../bench/warm-up'
import { Engine } from '../../engine/device/engine'
import { planningDevice } from '../../engine/device/planning-device'
import { engine } from '../support/engine'

/** An engine on a GPU that computes nothing and counts submissions. */
function gpu(matrixUnits = false) {
  const { limits } = engine.device
  const device = planningDevice({
    limits,
    features: new Set(),
    adapterInfo: { description: 'a card' } as GPUAdapterInfo,
  })
  const counted = { submissions: 0 }
  device.queue.submit = () => void counted.submissions++
  const units = matrixUnits ? { m: 16, n: 16, k: 16, subgroupSize: 32 } : null
  return { counted, engine: new Engine(device, { matrixUnits: units }) }
}

test('a second before the first measurement, later as long as the pause', () => {
  assert.equal([0, 10, 49].map(loadAfter), [0, 0, 0])
  assert.equal([100, 999, 5000, Infinity].map(loadAfter), [100, 999, 1000, 1000])
})

test('a GPU is loaded until its clocks are up, and not again while it is busy', async () => {
  const { counted, engine: card } = gpu()
  const start = performance.now()
  await warmUp(card)
  assert.ok(performance.now() - start >= 1000)
  assert.ok(counted.submissions > 0)
  await wasBusy(card)
  const before = counted.submissions
  await warmUp(card)
  assert.is(counted.submissions, before)
})

test('a software adapter is not loaded', async () => {
  if (!engine.software) return
  const start = performance.now()
  await warmUp(engine)
  await wasBusy(engine)
  assert.ok(performance.now() - start < 500)
})

test('a case with a precision gets an engine on the same device; without matrix units it is refused', () => {
  const { engine: card } = gpu(true)
  assert.is(withPrecision(card, undefined), card)
  assert.is(withPrecision(card, 'highest'), card)
  const high = withPrecision(card, 'high')
  assert.is(high.precision, 'high')
  assert.is(high.device, card.device)
  assert.is(withPrecision(card, 'high'), high, 'once')
  assert.throws(() => withPrecision(gpu().engine, 'high'), 'without matrix units')
  assert.equal(inHigh({ name: 'a' }, '-'), { name: 'a-high', precision: 'high' })
})

test.run()
