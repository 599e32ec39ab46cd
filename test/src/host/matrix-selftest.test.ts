/** The self-test that lets attention use matrix units: it passes on emulated ones, and finds results that are wrong. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { tryMatrixUnits } from '../../../engine/device/try-matrix-units'
import { attentionSelfTest } from '../../../src/host/selftest'
import { openEmulatedEngine } from '../../support/emulate-matrix-units'
import { testNeeding } from '../../support/needs'

const engine = await openEmulatedEngine('high')
const testF16 = testNeeding('f16', engine ? null : 'this adapter has no f16')
test.after(() => engine?.destroy())

testF16('the small product of whole numbers is right in all places, and a wrong one is found', async () => {
  assert.is(await tryMatrixUnits(engine!), 0)
  const read = engine!.readBytes.bind(engine)
  engine!.readBytes = async (tensor) => new Float32Array(await read(tensor)).map((v, i) => (i % 7 ? v : v + 1)).buffer
  assert.is(await tryMatrixUnits(engine!), Math.ceil((64 * 16) / 7))
  engine!.readBytes = read
})

testF16('attention on matrix units has the error of f16 operands, and a larger one is refused', async () => {
  const variants = engine!.variants
  const { ok, error } = await attentionSelfTest(engine!)
  assert.ok(ok, `${error}`)
  assert.ok(error > 1e-6, `${error} is the error of f32: the kernels for matrix units have not run`)
  assert.is(engine!.variants, variants)
  const read = engine!.readBytes.bind(engine)
  let reads = 0
  // the results of the f32 kernels come first, two of four
  engine!.readBytes = async (tensor) => {
    const values = new Float32Array(await read(tensor))
    return (reads++ < 2 ? values : values.map((v) => 1.01 * v)).buffer
  }
  assert.not.ok((await attentionSelfTest(engine!)).ok)
  engine!.readBytes = read
})

test.run()
