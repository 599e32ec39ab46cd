/** @file Masks computed only where they are not empty equal those of the whole upscaled logits. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resizeLongest, upscaleLogits } from '../../../engine/image/model-input'
import { Rng } from '../../../engine/rng'
import { MaskScaler } from '../../../engine/masks/mask-scaler'
import type { Mask } from '../../../engine/masks/mask'

/** Some smooth blobs on a negative background. */
function blobs(side: number, rng: Rng, count: number): Float32Array {
  const logits = new Float32Array(side * side).fill(-3)
  for (let b = 0; b < count; b++) {
    const [cx, cy, r] = [rng.range(0, side), rng.range(0, side), rng.range(0.3, side / 5)]
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        logits[y * side + x] += Math.fround(6 * Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r ** 2))
  }
  return logits
}

function whole({ x0, y0, width, height, data }: Mask, size: { width: number; height: number }): Uint8Array {
  const out = new Uint8Array(size.width * size.height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) out[(y0 + y) * size.width + x0 + x] = data[y * width + x]
  return out
}

test('a mask is that of upscaleLogits, pixel for pixel', () => {
  const rng = new Rng(3)
  const sizes = [
    { width: 97, height: 61 },
    { width: 40, height: 130 },
    { width: 16, height: 16 },
    { width: 300, height: 2 },
    { width: 1, height: 1 },
  ]
  let covered = 0
  for (const original of sizes)
    for (const inputSize of [32, 64])
      for (let round = 0; round < 4; round++) {
        const side = inputSize / 4
        const logits = blobs(side, rng, round)
        const valid = resizeLongest(original.width, original.height, inputSize)
        const exact = upscaleLogits(logits, { width: side, height: side }, inputSize, valid, original)
        const mask = new MaskScaler(side, inputSize, original).mask(logits)
        const got = whole(mask, original)
        const expected = Uint8Array.from(exact, (v) => +(v > 0))
        assert.equal(got, expected, `${original.width}x${original.height} at ${inputSize}`)
        covered += expected.reduce((a, b) => a + b, 0)
      }
  assert.ok(covered > 1000, 'the cases have masks')
})

test('only the part that is not empty is computed', () => {
  const logits = new Float32Array(64 * 64).fill(-1)
  logits[20 * 64 + 30] = 5
  const mask = new MaskScaler(64, 256, { width: 1280, height: 960 }).mask(logits)
  assert.ok(mask.width < 80 && mask.height < 80, `${mask.width}x${mask.height}`)
  assert.ok(mask.data.includes(1))
})

test('logits of 0 are outside: a mask of nothing is empty', () => {
  const mask = new MaskScaler(16, 64, { width: 50, height: 50 }).mask(new Float32Array(256))
  assert.is(mask.data.length, 0)
})

test('logits below the image are not in the mask', () => {
  const logits = new Float32Array(256).fill(-1)
  logits.fill(4, 14 * 16) // the two last rows: the input of a wide image is padded there
  const mask = new MaskScaler(16, 64, { width: 100, height: 50 }).mask(logits)
  assert.is(mask.data.length, 0)
})

test.run()
