/** @file The targets of the mask loss: exact area fractions of a label map. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resizeLongest } from '../../../engine/image/model-input'
import { labelTargets } from '../../../engine/image/training-targets'
import { Rng } from '../../../engine/rng'

test('targets are the exact area shares of the cells', () => {
  // 8x6 into a 16 square: 2 input pixels a pixel; a 4x4 grid has cells of 2x2 pixels
  const labels = { width: 8, height: 6, data: new Uint16Array(48) }
  for (let y = 1; y < 4; y++) for (let x = 1; x < 5; x++) labels.data[y * 8 + x] = 65535
  labels.data[47] = 3
  const targets = labelTargets(labels, [3, 65535, 3], 16, 4)
  const three = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0, 0, 0, 0]
  assert.equal([...targets.subarray(0, 16)], three)
  assert.equal([...targets.subarray(16, 32)], [0.25, 0.5, 0.25, 0, 0.5, 1, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  assert.equal([...targets.subarray(32)], three)
  assert.throws(() => labelTargets(labels, [0], 16, 4), /background/)
})

test('targets keep the area at any ratio, and an absent id is empty', () => {
  const rng = new Rng(5)
  const labels = { width: 53, height: 37, data: Uint16Array.from({ length: 53 * 37 }, () => rng.int(4)) }
  for (const [size, lowRes] of [
    [64, 16],
    [512, 128],
    [32, 8],
  ]) {
    const targets = labelTargets(labels, [1, 2, 3, 9], size, lowRes)
    const valid = resizeLongest(53, 37, size)
    const cells = (valid.width / 53) * (valid.height / 37) * (lowRes / size) ** 2
    for (let i = 0; i < 4; i++) {
      const area = labels.data.filter((v) => v === [1, 2, 3, 9][i]).length * cells
      const sum = targets.subarray(i * lowRes ** 2, (i + 1) * lowRes ** 2).reduce((a, b) => a + b, 0)
      assert.ok(Math.abs(sum - area) < 1e-4 * (1 + area), `${sum} ${area}`)
    }
  }
})

test.run()
