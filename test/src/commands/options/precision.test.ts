/** --matmul-precision: what it accepts, and that it reaches the engine and the reports. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../../../engine/device/engine'
import { planningDevice } from '../../../../engine/device/planning-device'
import { chosenPrecision, precisionOption } from '../../../../src/commands/options/precision'
import { modelOptions } from '../../../../src/commands/options/model'
import { command as evalCommand } from '../../../../src/commands/eval'
import { command as generateCommand } from '../../../../src/commands/generate'
import { command as predictCommand } from '../../../../src/commands/predict'
import { command as reviewCommand } from '../../../../src/commands/review'
import { command as trainCommand } from '../../../../src/commands/train'
import { command as verifyCommand } from '../../../../src/commands/verify'
import { hardwareOf, precisionText } from '../../../../src/host/hardware'
import { openEngine } from '../../../../src/host/gpu'
import { hardwareFacts } from '../../../../src/report/evaluation-report'

const [name] = Object.keys(precisionOption)

test('every command that computes has the option', () => {
  for (const { name: command, options } of [evalCommand, generateCommand, predictCommand, reviewCommand, verifyCommand])
    assert.ok(options[name], command)
  assert.ok(trainCommand.options[name] && modelOptions[name])
})

test('it is highest or high; the default is highest', () => {
  assert.is(chosenPrecision({}), 'highest')
  assert.is(chosenPrecision({ [name]: 'high' }), 'high')
  assert.throws(() => chosenPrecision({ [name]: 'tf32' }), '--matmul-precision takes one of highest, high, got "tf32"')
})

test('the engine has it, and reports state it with what computes the products', async () => {
  const engine = await openEngine({ precision: 'high' })
  assert.is(engine.precision, 'high')
  const hardware = await hardwareOf(engine)
  assert.match(hardware.products!, engine.matrixUnits ? /high, on matrix units/ : /high, in f32: no matrix units/)
  assert.equal(hardwareFacts(hardware)[1], ['Matrix products', hardware.products])
  const { products: _, ...earlier } = hardware
  assert.is(hardwareFacts(earlier)[1][0], 'Machine', 'files of earlier versions do not say')
  const device = planningDevice({
    limits: engine.device.limits,
    features: new Set(),
    adapterInfo: {} as GPUAdapterInfo,
  })
  const matrixUnits = { m: 16, n: 16, k: 16, subgroupSize: 32 }
  assert.match(precisionText(new Engine(device, { matrixUnits })), /^precision highest, on matrix units/)
  engine.destroy()
})

test.run()
