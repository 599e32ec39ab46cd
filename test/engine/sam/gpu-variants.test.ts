/**
 * @file The same models and training steps with the kernel variants and grids of a GPU as with those of a software adapter. On any
 * adapter both run, so that what a graphics card gets is also tested where there is none.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../../engine/device/engine'
import { defaultVariants } from '../../../engine/device/kernel-variants'
import { Predictor } from '../../../engine/sam/predictor'
import { defaultOptimizer } from '../../../engine/train/adam'
import { type StepConfig, TrainingStep } from '../../../engine/train/training-step'
import { openEngine } from '../../../src/host/gpu'
import { engine } from '../../support/engine'
import { relativeError } from '../../support/random'
import { adapt, openToy, toyBatch, toyImages } from '../../support/toy'

const gpu = new Engine(engine.device, { software: false, matrixUnits: null })
const processor = new Engine(engine.device, { software: true, matrixUnits: null })

test('WGSAM_VARIANTS=gpu opens an engine with the variants of a GPU', async () => {
  const before = process.env.WGSAM_VARIANTS
  process.env.WGSAM_VARIANTS = 'gpu'
  try {
    const own = await openEngine()
    assert.is(own.software, false)
    assert.equal(own.variants, defaultVariants(own))
    own.destroy()
  } finally {
    if (before === undefined) delete process.env.WGSAM_VARIANTS
    else process.env.WGSAM_VARIANTS = before
  }
})

for (const name of ['toy_vit', 'toy_tiny_vit'] as const) {
  const size = 48
  test(`${name}: embedding, masks and predicted IoU`, async () => {
    const results: Float32Array[][] = []
    for (const on of [gpu, processor]) {
      const model = await openToy(name, size, on)
      const predictor = await Predictor.create(model, { prompts: 3, slots: 2 })
      predictor.setImages(toyImages(3, 1, size), Uint32Array.of(size, size - 8))
      const coords = Float32Array.of(9, 12, 0, 0, 30, 30, 0, 0, 5, 6, 41, 33)
      const prediction = await predictor.predict({ coords, labels: Int32Array.of(1, -1, 0, -1, 2, 3) })
      results.push([await predictor.embedding(), prediction.logits, prediction.iou])
      predictor.destroy()
      model.release()
    }
    results[0].forEach((found, i) => assert.ok(relativeError(found, results[1][i]) < 1e-4, `output ${i}`))
  })

  test(`${name}: loss and gradient of a training step`, async () => {
    const results = []
    for (const on of [gpu, processor]) {
      const model = await openToy(name, size, on)
      const { adapter, parameters } = adapt(model, { targets: ['q', 'v', 'lin2', 'decoder.v'] })
      const loss = { dice: 1, bce: 1, iou: 0.5 }
      const config: StepConfig = { microBatch: 2, prompts: 3, slots: 3, loss, optimizer: defaultOptimizer }
      const step = await TrainingStep.create(model, parameters, config)
      step.poison()
      step.run([toyBatch(model, 20, [3, 1], 3)], 0)
      const report = await step.report()
      assert.not(report.skipped)
      const gradients = await Promise.all(parameters.chunks.map((chunk) => on.read(chunk.gradients)))
      results.push({ report, gradients: gradients.flatMap((x) => [...x]) })
      step.destroy()
      adapter.release()
      parameters.release()
      model.release()
    }
    const [a, b] = results
    assert.ok(Math.abs(a.report.loss / b.report.loss - 1) < 1e-5, `${a.report.loss} and ${b.report.loss}`)
    const error = relativeError(a.gradients, b.gradients)
    assert.ok(error < 1e-4 && error > 0, `gradients differ by ${error}: not at all would be the same kernels`)
  })
}

test.run()
