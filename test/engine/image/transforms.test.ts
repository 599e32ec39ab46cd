import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resizeBytes, resizePlane } from '../../../engine/image/resize'
import * as t from '../../../engine/image/transforms'
import { Rng } from '../../../engine/rng'

const gradient = (width: number, height: number) =>
  Uint8Array.from({ length: width * height }, (_, i) => ((i % width) * 37 + Math.floor(i / width) * 91) & 255)

test('bytes resize as Pillow does', () => {
  // Image.resize(…, BILINEAR) of Pillow 9.4 on the 7x5 picture above
  const picture = gradient(7, 5)
  const small = [58, 116, 162, 137, 137, 88, 117, 132, 88, 146, 109, 126]
  const large = [
    0, 25, 53, 82, 111, 140, 169, 197, 222, 68, 93, 121, 150, 179, 208, 130, 73, 98, 144, 169, 131, 77, 106, 135, 104,
    85, 110, 113, 138, 100, 46, 75, 104, 133, 161, 186, 40, 65, 93, 122, 151, 130, 145, 173, 198, 108, 133, 161, 190,
    219, 49, 21, 49, 74,
  ]
  assert.equal([...resizeBytes(picture, 7, 5, 1, 4, 3)], small)
  assert.equal([...resizeBytes(picture, 7, 5, 1, 9, 6)], large)
  assert.equal(resizeBytes(picture, 7, 5, 1, 7, 5), picture)
})

test('channels do not mix', () => {
  const rng = new Rng(1)
  const planes = [0, 1, 2].map(() => Uint8Array.from({ length: 20 * 13 }, () => rng.int(256)))
  const together = Uint8Array.from({ length: 20 * 13 * 3 }, (_, i) => planes[i % 3][Math.floor(i / 3)])
  const resized = resizeBytes(together, 20, 13, 3, 7, 30)
  planes.forEach((plane, c) =>
    assert.equal(
      resizeBytes(plane, 20, 13, 1, 7, 30),
      resized.filter((_, i) => i % 3 === c),
    ),
  )
})

test('the longest side becomes the input size', () => {
  assert.equal(t.resizeLongest(1280, 960, 1024), { width: 1024, height: 768 })
  assert.equal(t.resizeLongest(641, 512, 1024), { width: 1024, height: 818 }) // 817.9
  assert.equal(t.resizeLongest(1, 1, 64), { width: 64, height: 64 })
  assert.equal(t.resizeLongest(20000, 1, 64), { width: 64, height: 1 })
  assert.throws(() => t.resizeLongest(0, 4, 64), /width/)
})

test('the model input is the resized image, zero right and below', () => {
  const { data, valid } = t.toModelInput(new Uint8Array(6 * 3 * 3).fill(200), 6, 3, 8)
  assert.equal(valid, { width: 8, height: 4 })
  assert.is(data.length, 8 * 8 * 3)
  assert.ok(data.subarray(0, 8 * 4 * 3).every((v) => v === 200))
  assert.ok(data.subarray(8 * 4 * 3).every((v) => v === 0))
  assert.throws(() => t.toModelInput(new Uint8Array(5), 6, 3, 8), /54 bytes, not 5/)
})

test('points and boxes scale by the sizes as rounded, x and y each', () => {
  const original = { width: 641, height: 512 }
  assert.equal(t.scalePoint([641, 512], original, 1024), [1024, 818])
  assert.equal(t.scaleBox([0, 256, 641, 512], original, 1024), [0, 409, 1024, 818])
})

test('planes resize as interpolate(bilinear, align_corners = False)', () => {
  const plane = Float32Array.from([0, 1, 2, 3])
  const expected = [0, 0.25, 0.75, 1, 0.5, 0.75, 1.25, 1.5, 1.5, 1.75, 2.25, 2.5, 2, 2.25, 2.75, 3]
  assert.equal([...resizePlane(plane, 2, 2, 4, 4)], expected)
  assert.equal([...resizePlane(plane, 2, 2, 4, 4, 2, 3)], [0, 0.25, 0.5, 0.75, 1.5, 1.75])
  assert.equal([...resizePlane(Float32Array.of(5), 1, 1, 2, 2)], [5, 5, 5, 5])
})

test('logits go through the input square to the original size', () => {
  // a linear ramp stays one, away from the clamped edges
  const low = Float32Array.from({ length: 256 }, (_, i) => (i % 16) * 4 + 1.5) // = x of the input pixel
  const original = { width: 128, height: 96 }
  const valid = t.resizeLongest(128, 96, 64)
  const up = t.upscaleLogits(low, { width: 16, height: 16 }, 64, valid, original)
  assert.is(up.length, 128 * 96)
  for (let x = 8; x < 116; x++) assert.ok(Math.abs(up[40 * 128 + x] - ((x + 0.5) / 2 - 0.5)) < 1e-4)
  assert.throws(() => t.upscaleLogits(low, { width: 16, height: 15 }, 64, valid, original), /240 values, not 256/)
})

test('targets are the exact area shares of the cells', () => {
  // 8x6 into a 16 square: 2 input pixels a pixel; a 4x4 grid has cells of 2x2 pixels
  const labels = { width: 8, height: 6, data: new Uint16Array(48) }
  for (let y = 1; y < 4; y++) for (let x = 1; x < 5; x++) labels.data[y * 8 + x] = 65535
  labels.data[47] = 3
  const targets = t.labelTargets(labels, [3, 65535, 3], 16, 4)
  const three = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0, 0, 0, 0]
  assert.equal([...targets.subarray(0, 16)], three)
  assert.equal([...targets.subarray(16, 32)], [0.25, 0.5, 0.25, 0, 0.5, 1, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  assert.equal([...targets.subarray(32)], three)
  assert.throws(() => t.labelTargets(labels, [0], 16, 4), /background/)
})

test('targets keep the area at any ratio, and an absent id is empty', () => {
  const rng = new Rng(5)
  const labels = { width: 53, height: 37, data: Uint16Array.from({ length: 53 * 37 }, () => rng.int(4)) }
  for (const [size, lowRes] of [
    [64, 16],
    [512, 128],
    [32, 8],
  ]) {
    const targets = t.labelTargets(labels, [1, 2, 3, 9], size, lowRes)
    const valid = t.resizeLongest(53, 37, size)
    const cells = (valid.width / 53) * (valid.height / 37) * (lowRes / size) ** 2
    for (let i = 0; i < 4; i++) {
      const area = labels.data.filter((v) => v === [1, 2, 3, 9][i]).length * cells
      const sum = targets.subarray(i * lowRes ** 2, (i + 1) * lowRes ** 2).reduce((a, b) => a + b, 0)
      assert.ok(Math.abs(sum - area) < 1e-4 * (1 + area), `${sum} ${area}`)
    }
  }
})

test.run()
