/** @file Images resized and padded for the model; coordinates and logits mapped between the image and the input square. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resizeLongest, scaleBox, scalePoint, toModelInput, upscaleLogits } from '../../../engine/image/model-input'

test('the longest side becomes the input size', () => {
  assert.equal(resizeLongest(1280, 960, 1024), { width: 1024, height: 768 })
  assert.equal(resizeLongest(641, 512, 1024), { width: 1024, height: 818 }) // 817.9
  assert.equal(resizeLongest(1, 1, 64), { width: 64, height: 64 })
  assert.equal(resizeLongest(20000, 1, 64), { width: 64, height: 1 })
  assert.throws(() => resizeLongest(0, 4, 64), /width/)
})

test('the model input is the resized image, zero right and below', () => {
  const { data, valid } = toModelInput(new Uint8Array(6 * 3 * 3).fill(200), 6, 3, 8)
  assert.equal(valid, { width: 8, height: 4 })
  assert.is(data.length, 8 * 8 * 3)
  assert.ok(data.subarray(0, 8 * 4 * 3).every((v) => v === 200))
  assert.ok(data.subarray(8 * 4 * 3).every((v) => v === 0))
  assert.throws(() => toModelInput(new Uint8Array(5), 6, 3, 8), /54 bytes, not 5/)
})

test('points and boxes scale by the sizes as rounded, x and y each', () => {
  const original = { width: 641, height: 512 }
  assert.equal(scalePoint([641, 512], original, 1024), [1024, 818])
  assert.equal(scaleBox([0, 256, 641, 512], original, 1024), [0, 409, 1024, 818])
})

test('logits go through the input square to the original size', () => {
  // a linear ramp stays one, away from the clamped edges
  const low = Float32Array.from({ length: 256 }, (_, i) => (i % 16) * 4 + 1.5) // = x of the input pixel
  const original = { width: 128, height: 96 }
  const valid = resizeLongest(128, 96, 64)
  const up = upscaleLogits(low, { width: 16, height: 16 }, 64, valid, original)
  assert.is(up.length, 128 * 96)
  for (let x = 8; x < 116; x++) assert.ok(Math.abs(up[40 * 128 + x] - ((x + 0.5) / 2 - 0.5)) < 1e-4)
  assert.throws(() => upscaleLogits(low, { width: 16, height: 15 }, 64, valid, original), /240 values, not 256/)
})

test.run()
