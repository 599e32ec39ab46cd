/** @file Packed masks from logits on the GPU, compared with the host's two bilinear steps: counts, boxes, bits, selection. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RejectedCounts, DecodedMask, MaskThresholds } from '../../../engine/generate/decoded-mask'
import { UpscaleAxes } from '../../../engine/image/upscale-axes'
import { MaskReader } from '../../../engine/generate/mask-reader'
import { upscaleWindow } from '../../../engine/generate/upscale-window'
import type { Box } from '../../../engine/image/box'
import { unpackMask } from '../../../engine/masks/bit-mask'
import { resizeLongest, upscaleLogits } from '../../../engine/image/model-input'
import { engine } from '../../support/engine'
import { randomArray, randoms } from '../../support/random'

const TOKENS = 4
const everything: MaskThresholds = {
  predIouThresh: 0,
  stabilityScoreThresh: 0,
  stabilityScoreOffset: 1,
  maskThreshold: 0,
  keepLogits: true,
}
const noCounts = (): RejectedCounts => ({ floorPredIou: 0, floorStability: 0, cropEdge: 0 })

/** Logits (P, 4, side²) of soft discs of all sizes and positions, some partly outside; the last prompt's are at most -9. */
function discs(prompts: number, side: number, seed = 1): Float32Array {
  const next = randoms(seed)
  const logits = new Float32Array(prompts * TOKENS * side * side)
  for (let plane = 0; plane < prompts * TOKENS; plane++) {
    const [x, y] = [(0.5 + 0.6 * next()) * side, (0.5 + 0.6 * next()) * side]
    const radius = (0.02 + 0.2 * Math.abs(next())) * side
    const steep = 1 + 3 * Math.abs(next())
    const empty = plane >= (prompts - 1) * TOKENS
    for (let i = 0; i < side * side; i++) {
      const far = Math.hypot((i % side) - x, Math.floor(i / side) - y)
      logits[plane * side * side + i] = empty ? -9 - far : steep * (radius - far) + 0.4 * next()
    }
  }
  return logits
}

/** A mask reader, and GPU tensors that the test fills. */
async function setUp(prompts: number, side: number, inputSize: number, chunkWords?: number) {
  const logits = engine.persistent('input', 'test logits', [prompts, TOKENS, side * side])
  const iou = engine.persistent('input', 'test iou', [prompts, TOKENS])
  const reader = await MaskReader.create(engine, side, inputSize, chunkWords)
  return {
    reader,
    async read(
      image: { width: number; height: number },
      l: Float32Array,
      i: Float32Array,
      o: MaskThresholds,
      n = prompts,
    ) {
      // contents of memory that earlier masks used must not matter: fill it with other masks
      reader.setImage(image)
      engine.write(logits, new Float32Array(l.length).fill(20))
      engine.write(iou, new Float32Array(i.length).fill(1))
      await reader.read({ logits, iou }, prompts, { ...everything, keepLogits: true }, noCounts())
      engine.write(logits, l)
      engine.write(iou, i)
      const counts = noCounts()
      return { found: await reader.read({ logits, iou }, n, o, counts), counts }
    },
    destroy() {
      reader.destroy()
      engine.release(logits)
      engine.release(iou)
    },
  }
}

/** The exact logits of a plane at the size of the image. */
function expected(plane: Float32Array, side: number, inputSize: number, image: { width: number; height: number }) {
  const valid = resizeLongest(image.width, image.height, inputSize)
  return upscaleLogits(plane, { width: side, height: side }, inputSize, valid, image)
}

/** A pixel whose logit is this near to a threshold may be on either side of it, by rounding. */
const ROUNDING = 2e-4

function check(mask: DecodedMask, values: Float32Array, width: number, o: MaskThresholds): void {
  const whole = new Uint8Array(values.length)
  const { x0, y0, width: w, height: h, data } = unpackMask(mask.bits, mask.box)
  for (let y = 0; y < h; y++) whole.set(data.subarray(y * w, (y + 1) * w), (y0 + y) * width + x0)
  let area = 0
  let [near, above, below] = [0, 0, 0]
  for (let i = 0; i < values.length; i++) {
    area += whole[i]
    const value = values[i] - o.maskThreshold
    if (Math.abs(value) > ROUNDING) assert.is(whole[i], value > 0 ? 1 : 0, `pixel ${i}, logit ${values[i]}`)
    if (value > o.stabilityScoreOffset) above++
    if (value > -o.stabilityScoreOffset) below++
    if (Math.abs(Math.abs(value) - o.stabilityScoreOffset) <= ROUNDING) near++
  }
  assert.is(mask.area, area, 'the area counts the bits')
  const columns = (x: number) => Array.from({ length: h }, (_, y) => data[y * w + x - x0])
  assert.ok(data.subarray(0, w).includes(1) && data.subarray(-w).includes(1), 'first and last row have pixels')
  assert.ok(columns(mask.box.x0).includes(1) && columns(mask.box.x1).includes(1), 'and so have first and last column')
  const slack = (near + 1e-6) / below
  assert.ok(
    Math.abs(mask.stability - above / below) <= slack + 1e-6,
    `stability ${mask.stability}, not ${above / below}`,
  )
}

const cases: [string, number, number, number, { width: number; height: number }][] = [
  ['wider than high', 5, 16, 64, { width: 131, height: 77 }],
  ['higher than wide, larger than the input', 4, 16, 64, { width: 90, height: 203 }],
  ['smaller than the logits', 4, 32, 128, { width: 23, height: 31 }],
  ['one row', 12, 16, 64, { width: 70, height: 1 }],
  ['one column', 12, 16, 64, { width: 1, height: 45 }],
  ['one pixel', 40, 16, 64, { width: 1, height: 1 }],
]
for (const [name, prompts, side, inputSize, image] of cases) {
  test(`masks of an image ${name}`, async () => {
    const logits = discs(prompts, side)
    // several masks a round, and several rounds a pass
    const gpu = await setUp(prompts, side, inputSize, 1500)
    for (const o of [everything, { ...everything, maskThreshold: 0.7, stabilityScoreOffset: 0.3, keepLogits: false }]) {
      const { found, counts } = await gpu.read(image, logits, randomArray(3, prompts * TOKENS), o)
      let at = 0
      for (let place = 0; place < prompts * TOKENS; place++) {
        if (place % TOKENS === 0) continue
        const plane = logits.subarray(place * side * side, (place + 1) * side * side)
        const values = expected(plane, side, inputSize, image)
        const most = values.reduce((a, b) => Math.max(a, b), -Infinity)
        if (most <= o.maskThreshold) continue
        const mask = found[at++]
        assert.is(mask.prompt * TOKENS + mask.token, place, 'in order')
        check(mask, values, image.width, o)
      }
      assert.is(at, found.length)
      assert.is(counts.floorStability, 3 * prompts - found.length, 'empty masks are counted')
      assert.ok(at > 0, 'some masks were compared')
      assert.ok(found.every(({ logits: l }) => !!l === o.keepLogits))
    }
    gpu.destroy()
  })
}

test('masks are selected by predicted IoU, stability and box, among the given number of prompts', async () => {
  const [prompts, side, image] = [90, 16, { width: 60, height: 50 }]
  const logits = discs(prompts, side)
  const iou = Float32Array.from(randomArray(8, prompts * TOKENS), (v) => (v + 1) / 2)
  const gpu = await setUp(prompts, side, 64)
  const all = (await gpu.read(image, logits, iou, everything)).found
  assert.ok(all.length > 150, 'the selection needs more than one block of 256 masks')
  const o = { ...everything, predIouThresh: 0.4, stabilityScoreThresh: 0.5, accept: ({ x0 }: Box) => x0 > 3 }
  const { found, counts } = await gpu.read(image, logits, iou, o, 87)
  const asked = all.filter(({ prompt }) => prompt < 87)
  const rated = asked.filter(({ predictedIou }) => predictedIou > Math.fround(0.4))
  const stable = rated.filter(({ stability }) => stability >= 0.5)
  const wanted = stable.filter(({ box }) => box.x0 > 3)
  assert.equal(found, wanted)
  for (const [some, fewer] of [
    [asked, rated],
    [rated, stable],
    [stable, wanted],
  ])
    assert.ok(fewer.length < some.length && fewer.length)
  const places = [...iou.subarray(0, 87 * TOKENS)].filter((_, i) => i % TOKENS)
  const above = places.filter((v) => v > Math.fround(0.4)).length
  const lost = above - stable.length
  assert.equal(counts, { floorPredIou: 3 * 87 - above, floorStability: lost, cropEdge: stable.length - wanted.length })
  gpu.destroy()
})

test('more than a thousand masks, in several chunks or in one', async () => {
  const [prompts, side, image] = [800, 12, { width: 37, height: 29 }]
  const logits = discs(prompts, side, 5)
  const iou = new Float32Array(prompts * TOKENS).fill(0.9)
  const whole = await setUp(prompts, side, 48)
  const pieces = await setUp(prompts, side, 48, 6000)
  const a = await whole.read(image, logits, iou, everything)
  assert.ok(a.found.length > 1000)
  assert.equal((await pieces.read(image, logits, iou, everything)).found, a.found)
  for (const gpu of [whole, pieces]) gpu.destroy()
})

test('no mask at all, and logits that are NaN', async () => {
  const gpu = await setUp(2, 16, 64)
  const image = { width: 40, height: 40 }
  const iou = new Float32Array(2 * TOKENS).fill(0.5)
  const none = await gpu.read(image, discs(2, 16), iou, { ...everything, predIouThresh: 0.6 })
  assert.equal(none.found, [])
  assert.is(none.counts.floorPredIou, 6)
  const low = await gpu.read(image, new Float32Array(2 * TOKENS * 256).fill(-50), iou, everything)
  assert.equal(low, { found: [], counts: { floorPredIou: 0, floorStability: 6, cropEdge: 0 } })
  const nan = await gpu.read(image, discs(2, 16), iou.fill(NaN), { ...everything, predIouThresh: 0.1 })
  assert.equal(nan.found, [])
  gpu.destroy()
})

test('a mask of one pixel, and one of the whole image', async () => {
  const [side, image] = [16, { width: 16, height: 16 }]
  const logits = new Float32Array(TOKENS * side * side).fill(-8)
  logits[1 * 256 + 5 * side + 3] = 4
  logits.fill(8, 2 * 256, 3 * 256)
  const gpu = await setUp(1, side, 64)
  const { found } = await gpu.read(image, logits, new Float32Array(TOKENS), everything)
  assert.equal(
    found.map(({ token }) => token),
    [1, 2],
  )
  check(found[0], expected(logits.subarray(256, 512), side, 64, image), 16, everything)
  assert.ok(found[0].area >= 1 && found[0].area <= 4)
  assert.equal(found[1].box, { x0: 0, y0: 0, x1: 15, y1: 15 })
  assert.is(found[1].area, 256)
  assert.is(found[1].stability, 1)
  gpu.destroy()
})

test('the kept logits give the same value for every pixel above the lowest threshold', async () => {
  for (const image of [
    { width: 131, height: 77 },
    { width: 20, height: 300 },
    { width: 9, height: 11 },
  ]) {
    const [prompts, side, inputSize] = [4, 16, 64]
    const logits = discs(prompts, side, 3)
    const gpu = await setUp(prompts, side, inputSize)
    const { found } = await gpu.read(image, logits, new Float32Array(prompts * TOKENS), everything)
    const axes = new UpscaleAxes(side, inputSize, image)
    for (const mask of found) {
      const place = mask.prompt * TOKENS + mask.token
      const values = expected(logits.subarray(place * side * side, (place + 1) * side * side), side, inputSize, image)
      const window = mask.logits!
      assert.is(window.lowest, -3)
      const part = upscaleWindow(window, axes)!
      const [rows, seen] = [part.values.length / part.width, new Set<number>()]
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < part.width; x++) {
          const at = (part.y0 + y) * image.width + part.x0 + x
          const value = part.values[y * part.width + x]
          seen.add(at)
          if (values[at] > window.lowest) assert.ok(Math.abs(value - values[at]) < ROUNDING, `pixel ${at}`)
          else assert.ok(value <= window.lowest + ROUNDING)
        }
      values.forEach((value, at) => assert.ok(value <= window.lowest || seen.has(at), `pixel ${at} is left out`))
    }
    gpu.destroy()
  }
})

test('an image whose masks exceed the largest binding of the adapter is refused', async () => {
  const reader = await MaskReader.create(engine, 16, 64)
  assert.throws(
    () => reader.setImage({ width: 1 << 20, height: 1 << 20 }),
    /over the \d+ that this adapter binds at once: use tiles/,
  )
  reader.destroy()
})

test.run()
