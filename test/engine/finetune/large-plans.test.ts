/** Steps and predictions on large images are planned, without being computed: no pass needs a longer grid than WebGPU has. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../../engine/device/engine'
import { defaultVariants } from '../../../engine/device/kernel-variants'
import { planningDevice } from '../../../engine/device/planning-device'
import { planTraining, shapesOfArchitecture } from '../../../engine/finetune/plan-training'
import type { Architecture } from '../../../engine/sam/architecture'
import { Predictor } from '../../../engine/sam/predictor'
import { SamModel } from '../../../engine/sam/sam-model'
import { publishedArchitectures } from '../../../src/weights/weight-shapes'
import { engine } from '../../support/engine'

const minisam: Architecture = {
  kind: 'tiny_vit',
  imageSize: 1024,
  dims: [64, 128, 160, 320],
  depths: [2, 2, 6, 2],
  heads: [0, 4, 5, 10],
  windows: [0, 7, 14, 7],
  outChannels: 256,
  decoder: { dim: 256, depth: 2, heads: 8, mlpDim: 2048 },
}

/** An engine that computes nothing, with WebGPU's grids and as large bindings as a card has. */
function planner(kind: 'gpu' | 'subgroup' | 'transposed') {
  const { limits, features, adapterInfo } = engine.device
  const names = [
    'minUniformBufferOffsetAlignment',
    'minStorageBufferOffsetAlignment',
    'maxUniformBufferBindingSize',
  ] as const
  const needed = Object.fromEntries(names.map((name) => [name, limits[name]]))
  const large = {
    ...needed,
    maxComputeWorkgroupsPerDimension: 65535,
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 2 ** 32,
    maxComputeWorkgroupStorageSize: 2 ** 15,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxStorageBuffersPerShaderStage: 8,
  } as unknown as GPUSupportedLimits
  const software = kind !== 'gpu'
  const own = new Engine(planningDevice({ limits: large, features, adapterInfo }), { software })
  const subgroupSize = kind === 'subgroup' ? 8 : 0
  own.variants = defaultVariants({ software, subgroupSize, matrixUnits: null, precision: 'highest' })
  return own
}

const step = { microBatch: 1, batch: 1, rank: 4, recompute: { decoder: false, blocks: 0 }, validation: { every: 0 } }

for (const kind of ['subgroup', 'transposed', 'gpu'] as const) {
  test(`${kind}: a step at 1024 pixels with 64 prompts`, async () => {
    const plan = await planTraining({ ...step, architecture: minisam, engine: planner(kind), prompts: { count: 64 } })
    assert.ok(plan.total > 2 ** 30, `${plan.total} bytes`)
  })

  test(`${kind}: 128 prompts a pass at 1024 pixels, and 32 at 2048`, async () => {
    const { source, architecture } = shapesOfArchitecture(minisam)
    const own = planner(kind)
    for (const [inputSize, prompts] of [
      [1024, 128],
      [2048, 32],
    ]) {
      const model = await SamModel.load(own, source, architecture, { inputSize })
      const predictor = await Predictor.create(model, { prompts })
      assert.is(predictor.prompts, prompts)
      predictor.destroy()
      model.release()
    }
  })
}

test('a step of ViT-H at 1024 pixels with 64 prompts', async () => {
  const architecture = publishedArchitectures.sam_vit_h
  const plan = await planTraining({ ...step, architecture, engine: planner('gpu'), prompts: { count: 64 } })
  assert.ok(plan.total > 2 ** 33, `${plan.total} bytes`)
})

test('a pass has no more prompts than a grid has room for their heads', async () => {
  const { source, architecture } = shapesOfArchitecture({ ...minisam, depths: [1, 1, 1, 1] })
  const model = await SamModel.load(planner('gpu'), source, architecture, { inputSize: 64 })
  const predictor = await Predictor.create(model, { prompts: 20_000 })
  assert.is(predictor.prompts, 8191)
  predictor.destroy()
})

test.run()
