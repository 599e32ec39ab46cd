/** @file Segmenting as a page does it: images in any form, prompts in pixels, calls that overlap. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SettingError } from '../../engine/setting-error'
import { Engine } from '../../engine/device/engine'
import { SamModel } from '../../engine/sam/sam-model'
import type { SegmentPrompt } from '../../engine/segment/segment-prompt'
import { Segmenter, SupersededError } from '../../engine/segment/segmenter'
import { type ImageSource, readPixels } from '../../engine/segment/image-source'
import { Rng } from '../../engine/rng'
import { TiledPredictor } from '../../engine/scale/tiled-predictor'
import { scalePoint } from '../../engine/image/model-input'
import type { Mask } from '../../engine/masks/mask'
import { MaskScaler } from '../../engine/masks/mask-scaler'
import { maskLogits } from '../../engine/sam/mask-logits'
import { Predictor } from '../../engine/sam/predictor'
import { wholeView } from '../../engine/scale/view'
import { engine } from '../support/engine'
import { openToy } from '../support/toy'

const model = await openToy('toy_vit', 48)
const rng = new Rng(4)
const [width, height] = [70, 45]
const image = { width, height, rgb: Uint8Array.from({ length: width * height * 3 }, () => rng.int(256)) }
const rgba = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
  i % 4 === 3 ? rng.int(256) : image.rgb[3 * Math.floor(i / 4) + (i % 4)],
)
const point: SegmentPrompt = { points: [{ x: 30, y: 20 }] }
const box: SegmentPrompt = { points: [{ x: 3, y: 4, foreground: false }], box: [10, 8, 40, 30] }

/** A texture of the image's pixels. */
function textureOf(format: 'rgba8unorm' | 'bgra8unorm'): GPUTexture {
  const usage = GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST
  const texture = engine.device.createTexture({ size: [width, height], format, usage })
  const data = rgba.slice()
  if (format === 'bgra8unorm') for (let i = 0; i < data.length; i += 4) [data[i], data[i + 2]] = [data[i + 2], data[i]]
  engine.device.queue.writeTexture({ texture }, data, { bytesPerRow: 4 * width }, [width, height])
  return texture
}

/** A buffer of the image's pixels, in rows of `bytesPerRow`. */
function bufferOf(bytesPerRow: number, offset: number): { width: number; height: number; buffer: GPUBuffer } {
  const data = new Uint8Array(offset + bytesPerRow * height).fill(7)
  for (let y = 0; y < height; y++) data.set(rgba.subarray(4 * width * y, 4 * width * (y + 1)), offset + y * bytesPerRow)
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
  const buffer = engine.device.createBuffer({ size: data.length, usage })
  engine.device.queue.writeBuffer(buffer, 0, data)
  return { width, height, buffer }
}

test('images in every form give the same bytes', async () => {
  const [whole, part] = [bufferOf(4 * width, 0), { ...bufferOf(300, 12), offset: 12, bytesPerRow: 300 }]
  const pixels: ImageSource[] = [image, { width, height, data: rgba }]
  const forms: ImageSource[] = [...pixels, textureOf('rgba8unorm'), textureOf('bgra8unorm'), whole, part]
  for (const form of forms) assert.equal(await readPixels(engine, form), image)
  const refused = async (form: unknown) =>
    readPixels(engine, form as ImageSource).then(
      () => 'read',
      (error: Error) => error.message,
    )
  assert.match(await refused({ ...image, width: 71 }), '71x45 has 3 bytes a pixel in rgb, 9585 in all: got 9450')
  assert.match(
    await refused({ ...image, rgb: new Uint8Array(70 * 45) }),
    'repeat the value of a gray pixel three times',
  )
  assert.match(await refused({ ...image, rgb: new Float32Array(70 * 45 * 3) }), 'must be a Uint8Array')
  assert.match(await refused({ width: 0, height: 0, data: new Uint8Array(0) }), 'not 0x0')
  for (const file of [Buffer.from('a file'), new ArrayBuffer(4), new Blob(['a file'])])
    assert.match(await refused(file), 'these are bytes without a size')
  for (const nothing of [null, undefined, 'disc.png'])
    assert.match(await refused(nothing), 'this is no image that the engine can read')
  assert.match(await refused({ ...whole, height: 46 }), 'needs 12880 bytes: the buffer has 12600')
  assert.match(await refused({ ...whole, offset: 2 }), 'multiples of 4')
  assert.match(await refused({}), 'this is no image that the engine can read')
  const usage = GPUTextureUsage.COPY_SRC
  const float = engine.device.createTexture({ size: [4, 4], format: 'rgba32float', usage })
  assert.match(await refused(float), 'not 2d rgba32float')
})

test('masks are those of the predictor, one prompt a pass, and an image is encoded once', async () => {
  const segmenter = await Segmenter.create(model, { slots: 4 })
  const predictor = await Predictor.create(model, { prompts: 1, slots: 4 })
  const tiled = new TiledPredictor(predictor)
  const asked = [
    { points: [{ x: 30, y: 20, foreground: true }], box: null },
    { points: [{ x: 3, y: 4, foreground: false }], box: box.box! },
  ]
  const expected = await tiled.predict(image, asked, wholeView(image, 48))
  assert.equal([await segmenter.segment(image, point), await segmenter.segment(image, box)], expected)
  const three = await segmenter.segment(image, point, { multimask: true })
  assert.is(three.length, 3)
  assert.ok(three[0].predictedIou >= three[1].predictedIou && three[1].predictedIou >= three[2].predictedIou)

  let encoded = 0
  const setImage = Predictor.prototype.setImage
  Predictor.prototype.setImage = function (one) {
    encoded++
    return setImage.call(this, one)
  }
  const other = { ...image }
  await segmenter.segment(image, box)
  assert.is(encoded, 0)
  await segmenter.segment(other, point)
  await segmenter.segment(other, box)
  assert.is(encoded, 1)
  segmenter.forget()
  await segmenter.segment(other, box)
  assert.is(encoded, 2)
  Predictor.prototype.setImage = setImage
  segmenter.destroy()
  predictor.destroy()
})

test('a mask in a prompt is refined as the predictor does with its logits', async () => {
  const segmenter = await Segmenter.create(model, { slots: 4, masks: true })
  const points = [{ x: 30, y: 20 }]
  const mask: Mask = { x0: 20, y0: 10, width: 30, height: 20, data: new Uint8Array(600).fill(1) }
  const [plain] = await segmenter.segment(image, { points })
  const [refined] = await segmenter.segment(image, { points, mask })

  const predictor = await Predictor.create(model, { prompts: 1, slots: 4, masks: true })
  predictor.setImage(image)
  const { maskSide } = model
  const masks = maskLogits(mask, image, maskSide)
  const place = (x: number, y: number) =>
    masks[Math.floor((y * maskSide) / 70) * maskSide + Math.floor((x * maskSide) / 70)]
  assert.equal([place(35, 20), place(65, 20), place(35, 68)], [10, -10, -10], 'inside, outside, padding')
  const coords = new Float32Array(8)
  coords.set(scalePoint([30, 20], image, 48))
  const { logits, iou } = await predictor.predict({ coords, labels: Int32Array.of(1, -1, -2, -2), masks })
  const { token } = refined
  assert.is(token, 0, 'a point with a mask is not ambiguous')
  assert.is(refined.predictedIou, iou[token])
  const own = logits.subarray(token * maskSide ** 2, (token + 1) * maskSide ** 2)
  assert.equal(refined.mask, new MaskScaler(maskSide, 48, image).mask(own))
  assert.is.not(refined.predictedIou, plain.predictedIou)
  assert.equal(await segmenter.segment(image, { points }), [plain], 'prompts without a mask are as before')
  segmenter.destroy()
  predictor.destroy()
})

test('masks that do not fit the image, and masks where none are taken, are refused', async () => {
  const mask: Mask = { x0: 60, y0: 10, width: 10, height: 2, data: new Uint8Array(20).fill(1) }
  const [segmenter, without] = [await Segmenter.create(model, { masks: true }), await Segmenter.create(model)]
  const refused = (changed: Partial<Mask>, prompt: SegmentPrompt = point, by = segmenter) =>
    by.segment(image, { ...prompt, mask: { ...mask, ...changed } }).then(
      () => 'taken',
      (error: Error) => error.message,
    )
  assert.is(await refused({}), 'taken')
  assert.match(await refused({ x0: 61 }), 'mask of 10x2 pixels at 61, 10 is not in the image of 70x45 pixels')
  assert.match(await refused({ y0: -1 }), 'at 60, -1 is not in the image')
  assert.match(await refused({ height: 3 }), 'needs 30 numbers in data, 1 inside and 0 outside: got 20')
  assert.match(await refused({ data: new Uint8Array(20).fill(255) }), '1 inside and 0 outside')
  assert.match(await refused({ data: new Uint8Array(20) }), "the prompt's mask is empty")
  assert.match(await refused({}, {}), 'a prompt needs points or a box, which correct its mask')
  assert.match(await refused({}, point, without), 'Segmenter.create(model, { masks: true })')
  segmenter.destroy()
  without.destroy()
})

test('results can stay on the GPU: the tensors of the last pass are there after it', async () => {
  const predictor = await Predictor.create(model, { prompts: 1, slots: 4 })
  predictor.setImage(image)
  const coords = Float32Array.of(30, 20, 0, 0, 0, 0, 0, 0)
  const { logits } = await predictor.predict({ coords, labels: Int32Array.of(1, -1, -2, -2) })
  const { storage } = predictor.results.logits
  // as a program that draws the mask with its own shader would bind it
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ
  const copy = engine.device.createBuffer({ size: logits.byteLength, usage })
  const encoder = engine.device.createCommandEncoder()
  encoder.copyBufferToBuffer(storage.buffer!, storage.offset, copy, 0, logits.byteLength)
  engine.device.queue.submit([encoder.finish()])
  await copy.mapAsync(GPUMapMode.READ)
  assert.equal(new Float32Array(copy.getMappedRange().slice(0)), logits)
  copy.destroy()
  predictor.destroy()
})

test('calls that overlap are answered in their order, also on different images', async () => {
  const segmenter = await Segmenter.create(model, { slots: 4 })
  const dark = { ...image, rgb: image.rgb.map((value) => value >> 2) }
  const calls = [
    () => segmenter.segment(image, point),
    () => segmenter.segment(dark, point),
    () => segmenter.segment(image, box),
  ]
  const alone = []
  for (const call of calls) alone.push(await call())
  assert.equal(await Promise.all(calls.map((call) => call())), alone)
  segmenter.destroy()
})

test('of calls with `latest` that wait, only the last is computed; a signal ends a call', async () => {
  const segmenter = await Segmenter.create(model, { slots: 4 })
  const latest = [1, 2, 3].map((x) => segmenter.segment(image, { points: [{ x, y: 5 }] }, { latest: true }))
  const [first, second, third] = await Promise.allSettled(latest)
  // none has begun when the next comes
  for (const dropped of [first, second])
    assert.ok(dropped.status === 'rejected' && dropped.reason instanceof SupersededError)
  assert.is(third.status, 'fulfilled')
  const signal = AbortSignal.abort(new Error('moved on'))
  const aborted = await segmenter.segment(image, point, { signal }).catch((error: Error) => error.message)
  assert.is(aborted, 'moved on')
  assert.is((await segmenter.segment(image, point)).length, 1, 'an error does not block the next call')
  segmenter.destroy()
})

test('prompts that make no sense are refused in words', async () => {
  const segmenter = await Segmenter.create(model, { slots: 3 })
  const refused = (prompt: unknown, options: object = {}) =>
    segmenter.segment(image, prompt as SegmentPrompt, options).then(
      () => 'taken',
      (error: Error) => (error instanceof SettingError ? error.message : String(error)),
    )
  for (const nothing of [{}, undefined, null]) assert.is(await refused(nothing), 'a prompt needs points or a box')
  for (const wrong of [[3, 4], { x: '3', y: 4 }, null])
    assert.match(await refused({ points: [wrong] }), 'a point of a prompt is { x, y } in pixels of the image')
  assert.match(await refused({ points: { x: 3, y: 4 } }), 'the points of a prompt are a list')
  for (const wrong of [{ x: 1, y: 2, width: 3, height: 4 }, [1, 2, 3], [1, 2, 3, '4']])
    assert.match(await refused({ box: wrong }), 'is four numbers, [x0, y0, x1, y1], not')
  assert.match(await refused({ ...point, mask: true }), 'such as the `mask` of an earlier result')
  for (const diameter of ['big', 0, NaN])
    assert.match(await refused(point, { scale: { diameter } }), "diameter must be 'auto', 'none' or a number")
  assert.match(await refused({ points: [{ x: 70, y: 1 }] }), 'point 70, 1 is not in the image of 70x45 pixels')
  assert.match(await refused({ points: [{ x: NaN, y: 1 }] }), 'point NaN, 1')
  assert.match(await refused({ box: [9, 9, 2, 20] }), 'the box 9, 9, 2, 20 is empty')
  assert.match(
    await refused({ ...box, points: [...box.points!, ...point.points!] }),
    '4 entries, the segmenter was made for 3',
  )
  segmenter.destroy()
})

test('a model that was released, and an engine or a model made of nothing, are refused in words', async () => {
  const gone = await openToy('toy_vit', 48)
  gone.release()
  const refusal = (work: Promise<unknown>) => work.then(() => 'taken', (error: Error) => error.message) // prettier-ignore
  assert.match(await refusal(Segmenter.create(gone)), 'this model was released')
  assert.throws(() => new Engine(undefined as never), 'an Engine takes a GPUDevice')
  const load = SamModel.load(engine, undefined as never, undefined as never)
  assert.match(await refusal(load), 'takes an engine, weights and their architecture')
})

test.run()
