/** Which adapters have matrix units that the kernels can use, and what an engine makes of them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../../engine/device/engine'
import { findMatrixUnits, MATRIX_FEATURES } from '../../../engine/device/matrix-units'
import { planningDevice, planningEngine } from '../../../engine/device/planning-device'

/** A config as Dawn gives it: accessors on the prototype, so that spreading and JSON lose the values. */
class Config {
  constructor(
    private readonly types: [string, string],
    private readonly shape: [number, number, number],
  ) {}
  get componentType() {
    return this.types[0]
  }
  get resultComponentType() {
    return this.types[1]
  }
  get M() {
    return this.shape[0]
  }
  get N() {
    return this.shape[1]
  }
  get K() {
    return this.shape[2]
  }
}

const hopper = [
  new Config(['f16', 'f16'], [16, 16, 16]),
  new Config(['f16', 'f32'], [16, 8, 16]),
  new Config(['f16', 'f32'], [16, 16, 16]),
  new Config(['u8', 'u32'], [16, 16, 32]),
]
const info = (subgroupMatrixConfigs: Config[] | undefined, sizes = [32, 32]) =>
  ({ subgroupMinSize: sizes[0], subgroupMaxSize: sizes[1], subgroupMatrixConfigs }) as unknown as GPUAdapterInfo
const all = new Set<string>(MATRIX_FEATURES)

test('the shape of the kernels is found among those of the adapter', () => {
  assert.equal(findMatrixUnits(all, info(hopper)), { m: 16, n: 16, k: 16, subgroupSize: 32 })
})

test('without a feature, a shape, the right types or the size of subgroups there are none', () => {
  for (const feature of MATRIX_FEATURES)
    assert.is(findMatrixUnits(new Set([...all].filter((one) => one !== feature)), info(hopper)), null, feature)
  for (const configs of [
    undefined,
    [],
    hopper.filter((_, i) => i !== 2),
    [new Config(['f32', 'f32'], [16, 16, 16])],
    [new Config(['f16', 'f32'], [16, 16, 8])],
  ])
    assert.is(findMatrixUnits(all, info(configs)), null)
  for (const sizes of [
    [8, 32],
    [32, 64],
    [64, 64],
  ])
    assert.is(findMatrixUnits(all, info(hopper, sizes)), null)
  assert.is(findMatrixUnits(all, info(hopper, [])), null)
  assert.is(findMatrixUnits(all, undefined), null)
})

test('an engine has the units of its device and the precision asked for; its plan has the same', () => {
  const device = planningDevice({ limits: {} as GPUSupportedLimits, features: all, adapterInfo: info(hopper) })
  const engine = new Engine(device, { precision: 'high' })
  assert.equal(engine.matrixUnits, { m: 16, n: 16, k: 16, subgroupSize: 32 })
  const plan = planningEngine(engine)
  assert.equal([plan.precision, plan.matrixUnits], ['high', engine.matrixUnits])
  const plain = new Engine(planningDevice({ ...device, features: new Set() }))
  assert.equal([plain.precision, plain.matrixUnits], ['highest', null])
})

test.run()
