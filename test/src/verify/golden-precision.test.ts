/**
 * @file A toy model against its golden file in precision high, on emulated matrix units: embedding, masks, predicted IoU, and every
 * LoRA gradient. test/engine/train/matmul-precision.test.ts has both precisions beside f32.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allMatmuls } from '../../../engine/device/kernel-variants'
import { computeGolden, openGolden } from '../../../src/verify'
import { openEmulatedEngine } from '../../support/emulate-matrix-units'
import { testNeeding } from '../../support/needs'
import { relativeError } from '../../support/random'

const found = await openEmulatedEngine('high')
const testF16 = testNeeding('f16', found ? null : 'this adapter has no f16')
test.after(() => found?.destroy())

/** Largest relative errors of outputs and of gradients. */
const LIMITS = { output: 5e-3, gradient: 1e-2 }
/** Emulated blocks are slow, so the smallest products, of tokens with each other, stay with the f32 kernels. */
const WORK = 2 ** 14

testF16('toy_vit in precision high: outputs and gradients as in the golden file', async () => {
  const engine = found!
  engine.variants = { ...engine.variants, matmul: allMatmuls('matrix'), attention: 'matrix', matrixWork: WORK }
  const golden = await openGolden(engine, 'golden/files/toy_vit')
  // what other prompts add is in the decoder alone
  const tensors = new Map([...golden.tensors].filter(([name]) => !/^(boxes|all)\./.test(name)))
  const computed = await computeGolden(engine, { ...golden, tensors })
  golden.model.release()
  assert.ok(
    ['embedding', 'points.masks', 'lora.loss'].every((name) => computed.has(name)),
    [...computed.keys()].join(' '),
  )
  let largest = 0
  for (const [name, { data }] of computed) {
    const error = relativeError(data, tensors.get(name)!.data)
    assert.ok(error < LIMITS[name.endsWith('grad') ? 'gradient' : 'output'], `${name}: ${error}`)
    largest = Math.max(largest, error)
  }
  assert.ok(largest > 1e-4, `off by ${largest} only: other kernels have computed it`)
})

test.run()
