/**
 * @file The precisions of matrix products on emulated matrix units: a whole model's loss and gradients, and a few training
 * steps, beside f32.
 */
import * as assert from 'uvu/assert'
import { test } from 'uvu'
import type { Engine } from '../../../engine/device/engine'
import { allMatmuls, type KernelVariants } from '../../../engine/device/kernel-variants'
import { PRECISIONS, type Precision } from '../../../engine/device/precision'
import { defaultOptimizer } from '../../../engine/train/adam'
import { TrainingStep } from '../../../engine/train/training-step'
import { attentionSelfTest, matrixSelfTest } from '../../../src/host/selftest'
import { openEmulatedEngine } from '../../support/emulate-matrix-units'
import { engine } from '../../support/engine'
import { testNeeding } from '../../support/needs'
import { relativeError } from '../../support/random'
import { adapt, openToy, toyBatch } from '../../support/toy'

const engines = { highest: await openEmulatedEngine('highest'), high: await openEmulatedEngine('high') }
const testF16 = testNeeding('f16', engines.high ? null : 'this adapter has no f16')
test.after(() => Object.values(engines).forEach((one) => one?.destroy()))

/** Everything that the kernels can compute runs on matrix units, however small; at f32's accuracy products only. */
function onMatrixUnits(precision: Precision): Engine {
  const on = engines[precision]!
  const variants: KernelVariants =
    precision === 'high'
      ? { ...on.variants, matmul: allMatmuls('matrix'), attention: 'matrix', matrixWork: 0 }
      : { ...on.variants, matmul: allMatmuls('matrix-split3'), matrixWork: 0 }
  on.variants = variants
  return on
}

const STEPS = 3

/** The loss and the gradient of the first step, the losses of all, and the shaders that took part. */
async function learn(on: Engine) {
  const model = await openToy('toy_vit', undefined, on)
  const { adapter, parameters } = adapt(model, { targets: ['q', 'v', 'lin1', 'lin2', 'decoder.v'] })
  const step = await TrainingStep.create(model, parameters, {
    microBatch: 1,
    prompts: 3,
    slots: 3,
    loss: { dice: 1, bce: 1, iou: 0.5 },
    optimizer: { ...defaultOptimizer, algorithm: 'adamw' },
  })
  const batch = toyBatch(model, 20, [3], 3)
  const losses: number[] = []
  const gradient: number[] = []
  for (let i = 0; i < STEPS; i++) {
    step.run([batch], 1e-2)
    const { loss, skipped } = await step.report()
    assert.not.ok(skipped)
    losses.push(loss)
    if (!i) for (const { gradients } of parameters.chunks) gradient.push(...(await on.read(gradients)))
  }
  step.destroy()
  adapter.release()
  parameters.release()
  model.release()
  return { losses, gradient }
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, v, i) => sum + v * y[i], 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

/** Of the loss, relative; of the gradient's cosine, below 1; of the last loss, as a share of what was learned. */
const BOUNDS = { highest: [1e-5, 1e-6, 0.01], high: [5e-3, 1e-3, 0.1] } as const

testF16('a toy model trains on matrix units as in f32: loss, gradients, and what a few steps learn', async () => {
  const f32 = await learn(engine)
  const learned = f32.losses[0] - f32.losses[STEPS - 1]
  assert.ok(learned > 0.05 * f32.losses[0], `f32 learns: ${f32.losses}`)
  for (const precision of PRECISIONS) {
    const { losses, gradient } = await learn(onMatrixUnits(precision))
    const [loss, angle, last] = BOUNDS[precision]
    assert.ok(Math.abs(losses[0] / f32.losses[0] - 1) < loss, `${precision}: loss ${losses[0]}, f32 ${f32.losses[0]}`)
    assert.ok(1 - cosine(gradient, f32.gradient) < angle, `${precision}: cosine ${cosine(gradient, f32.gradient)}`)
    const off = Math.abs(losses[STEPS - 1] - f32.losses[STEPS - 1])
    assert.ok(off < last * learned, `${precision}: last loss ${losses[STEPS - 1]}, f32 ${f32.losses[STEPS - 1]}`)
    const error = relativeError(gradient, f32.gradient)
    // otherwise other kernels have computed it
    if (precision === 'high') assert.ok(error > 1e-5, `high: gradients differ by ${error} only`)
  }
})

testF16('the self-tests that let matrix units be used pass with them, and find a wrong kernel', async () => {
  for (const precision of PRECISIONS) {
    const { ok, error } = await matrixSelfTest(onMatrixUnits(precision))
    assert.ok(ok, `${precision}: ${error}`)
    assert.ok(precision === 'highest' || error > 1e-5, `high: ${error} is the error of f32`)
  }
  const on = onMatrixUnits('high')
  const right = await attentionSelfTest(on)
  assert.ok(right.ok && right.error > 1e-5, `${right.error}`)
  const read = on.readBytes.bind(on)
  let reads = 0
  // of the four results, the two of the f32 kernels come first
  on.readBytes = async (tensor) =>
    new Float32Array(await read(tensor)).map((value) => (reads > 1 ? 1.01 * value : value)).buffer
  const counted = on.readBytes
  on.readBytes = async (tensor) => {
    const result = await counted(tensor)
    reads++
    return result
  }
  assert.not.ok((await attentionSelfTest(on)).ok)
  on.readBytes = read
})

test.run()
