/**
 * @file Prompting: prompts of different lengths, more of them than a pass holds, several images, masks, invalid
 * prompts.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Engine } from '../../../engine/device/engine'
import { NonFiniteError } from '../../../engine/device/non-finite-error'
import type { Tensor } from '../../../engine/device/tensor'
import { toModelInput } from '../../../engine/image/model-input'
import { type PredictorOptions, Predictor } from '../../../engine/sam/predictor'
import { type PromptBatch, tokenCounts } from '../../../engine/sam/prompt-batch'
import { promptLabel } from '../../../engine/sam/prompt-labels'
import { SamModel } from '../../../engine/sam/sam-model'
import { shapesOfArchitecture } from '../../../engine/finetune/plan-training'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { openToy, toyImages } from '../../support/toy'

const SIZE = 48
const model = await openToy('toy_vit', SIZE)
const pixels = model.maskSide ** 2

async function predictor(options: PredictorOptions, seeds: number[] = [1]) {
  const made = await Predictor.create(model, { images: seeds.length, ...options })
  const images = Float32Array.from(seeds.flatMap((seed) => [...toyImages(seed, 1, SIZE)]))
  made.setImages(images, new Uint32Array(2 * seeds.length).fill(SIZE))
  return made
}

/** Prompts of entries [label, x, y], padded with absent ones of arbitrary coordinates. */
function batchOf(prompts: number[][][], slots: number): PromptBatch {
  const entries = prompts.flatMap((prompt, p) =>
    Array.from({ length: slots }, (_, i) => prompt[i] ?? [promptLabel.absent, 17 * i + p, -40]),
  )
  return {
    coords: Float32Array.from(entries.flatMap(([, x, y]) => [x, y])),
    labels: Int32Array.from(entries.map(([l]) => l)),
  }
}

const { foreground, background, padding, boxStart, boxEnd } = promptLabel
const RAGGED = [
  [
    [foreground, 10, 12],
    [padding, 0, 0],
  ],
  [
    [foreground, 30, 20],
    [background, 5, 40],
    [padding, 0, 0],
  ],
  [
    [boxStart, 8, 9],
    [boxEnd, 33, 30],
  ],
  [
    [foreground, 20, 20],
    [background, 3, 4],
    [foreground, 25, 22],
    [boxStart, 10, 10],
    [boxEnd, 40, 44],
  ],
  [[foreground, 41, 8]],
]

const near = (got: Float32Array, expected: Float32Array, what: string, limit = 2e-6) => {
  const error = relativeError(got, expected)
  assert.ok(error < limit, `${what}: ${error}`)
}

/** Every prompt alone, in a predictor of exactly its number of entries. */
async function oneByOne(prompts: number[][][], seed = 1) {
  const results = []
  for (const prompt of prompts) {
    const own = await predictor({ prompts: 1, slots: prompt.length }, [seed])
    results.push(await own.predict(batchOf([prompt], prompt.length)))
    own.destroy()
  }
  return results
}

test('absent entries do not change the result', async () => {
  const exact = await oneByOne(RAGGED)
  const ragged = await predictor({ prompts: 5, slots: 5 })
  const { logits, iou } = await ragged.predict(batchOf(RAGGED, 5))
  exact.forEach((alone, p) => {
    near(logits.subarray(p * 4 * pixels, (p + 1) * 4 * pixels), alone.logits, `masks of prompt ${p}`)
    near(iou.subarray(p * 4, p * 4 + 4), alone.iou, `IoU of prompt ${p}`)
  })
  const others = exact.slice(1).map(({ logits: l }) => relativeError(l, exact[0].logits))
  assert.ok(Math.min(...others) > 1e-2, 'the prompts differ, or the test would show nothing')
  ragged.destroy()
})

test('more prompts than a pass holds are decoded in several passes', async () => {
  const prompts = Array.from({ length: 7 }, (_, i) => RAGGED[i % RAGGED.length])
  const whole = await predictor({ prompts: 7, slots: 5 })
  const turns = await predictor({ prompts: 3, slots: 5 })
  assert.is(turns.prompts, 3)
  const [a, b] = [await whole.predict(batchOf(prompts, 5)), await turns.predict(batchOf(prompts, 5))]
  assert.is(b.logits.length, 7 * 4 * pixels)
  assert.is(b.iou.length, 7 * 4)
  near(b.logits, a.logits, 'masks')
  near(b.iou, a.iou, 'IoU')
  assert.equal(b.logits.slice(0, 4 * pixels), b.logits.slice(5 * 4 * pixels, 6 * 4 * pixels), 'the same in any pass')
  whole.destroy()
  turns.destroy()
})

test('chosen masks have the bits of all masks, in several passes, and are all that is read back', async () => {
  const own = await predictor({ prompts: 3, slots: 5 })
  const batch = batchOf(RAGGED, 5)
  const { logits, iou } = await own.predict(batch)
  const { engine } = model
  const { readMapped } = engine
  let words = 0
  engine.readMapped = <T>(tensors: readonly Tensor[], use: (mapped: ArrayBuffer) => T) => {
    words += tensors.reduce((sum, { size }) => sum + size, 0)
    return readMapped.call<Engine, [readonly Tensor[], (mapped: ArrayBuffer) => T], Promise<T>>(engine, tensors, use)
  }
  const seen: number[][] = []
  const chosen = await own.predictMasks(batch, (values, prompt) => {
    seen[prompt] = [...values]
    return [[3], [0, 2], [], [1], [2, 1, 3]][prompt]
  })
  engine.readMapped = readMapped
  assert.equal(seen.flat(), [...iou])
  assert.equal(
    chosen.map((masks) => masks.map(({ token }) => token)),
    [[3], [0, 2], [], [1], [2, 1, 3]],
  )
  chosen.forEach((masks, p) =>
    masks.forEach(({ token, predictedIou, logits: own }) => {
      const row = 4 * p + token
      assert.is(predictedIou, iou[row])
      assert.equal(own, logits.slice(row * pixels, (row + 1) * pixels))
    }),
  )
  // of each of the two passes what was found and the predicted IoU, and seven masks of twenty
  assert.is(words, 7 * pixels + 2 * (4 + 3 * 4))
  own.destroy()
})

test('each prompt is decoded on its own image', async () => {
  const three = await predictor({ prompts: 2, slots: 5 }, [1, 2, 3])
  const imageIndex = Uint32Array.of(2, 0, 1, 2, 1)
  const { logits } = await three.predict({ ...batchOf(RAGGED, 5), imageIndex })
  for (const [p, image] of imageIndex.entries()) {
    const [alone] = await oneByOne([RAGGED[p]], image + 1)
    near(logits.subarray(p * 4 * pixels, (p + 1) * 4 * pixels), alone.logits, `prompt ${p} on image ${image}`)
  }
  const embeddings = await three.embedding()
  const second = await predictor({ prompts: 1 }, [2])
  const cells = model.side ** 2 * model.architecture.decoder.dim
  near(embeddings.subarray(cells, 2 * cells), await second.embedding(), 'the embedding of the second image')
  for (const p of [three, second]) p.destroy()
})

test('a mask prompt changes the result, in any pass', async () => {
  const masks = randomArray(5, 3 * pixels, 4)
  const batch = batchOf(RAGGED.slice(0, 3), 5)
  const whole = await predictor({ prompts: 3, slots: 5, masks: true })
  const turns = await predictor({ prompts: 2, slots: 5, masks: true })
  const plain = await predictor({ prompts: 3, slots: 5 })
  const a = await whole.predict({ ...batch, masks })
  near((await turns.predict({ ...batch, masks })).logits, a.logits, 'in several passes')
  assert.ok(relativeError((await plain.predict(batch)).logits, a.logits) > 1e-3, 'without the masks it is another')
  const changed = masks.slice()
  changed.subarray(pixels, 2 * pixels).fill(2)
  const b = await whole.predict({ ...batch, masks: changed })
  const part = (x: Float32Array, p: number) => x.slice(p * 4 * pixels, (p + 1) * 4 * pixels)
  for (const p of [0, 2])
    assert.equal(part(b.logits, p), part(a.logits, p), `the mask of prompt 1 is not prompt ${p}'s`)
  assert.ok(relativeError(part(b.logits, 1), part(a.logits, 1)) > 1e-3)
  for (const p of [whole, turns, plain]) p.destroy()
})

test('a new image replaces the old one, and the same one gives the same bits', async () => {
  const own = await predictor({ prompts: 5, slots: 5 })
  const batch = batchOf(RAGGED, 5)
  const first = await own.predict(batch)
  own.setImages(toyImages(2, 1, SIZE), Uint32Array.of(SIZE, SIZE))
  assert.ok(relativeError((await own.predict(batch)).logits, first.logits) > 1e-2)
  own.setImages(toyImages(1, 1, SIZE), Uint32Array.of(SIZE, SIZE))
  assert.equal(await own.predict(batch), first)
  own.destroy()
})

test('pixels to the right of and below the valid size are ignored', async () => {
  const own = await predictor({ prompts: 1, slots: 2 })
  const image = toyImages(4, 1, SIZE)
  own.setImages(image, Uint32Array.of(40, 30))
  const embedding = await own.embedding()
  const other = image.map((x, i) => {
    const [column, row] = [Math.floor(i / 3) % SIZE, Math.floor(i / 3 / SIZE)]
    return row >= 40 || column >= 30 ? 255 - x : x
  })
  own.setImages(other, Uint32Array.of(40, 30))
  assert.equal(await own.embedding(), embedding)
  own.setImages(other, Uint32Array.of(SIZE, SIZE))
  assert.ok(relativeError(await own.embedding(), embedding) > 1e-3)
  own.destroy()
})

test('setImage resizes an RGB image of any size and encodes it; only for predictors of one image', async () => {
  const [one, two] = [await predictor({ prompts: 1, slots: 2 }), await predictor({ prompts: 1, slots: 2 }, [1, 2])]
  const image = { width: 70, height: 31, rgb: Uint8Array.from({ length: 70 * 31 * 3 }, (_, i) => (i * i) % 256) }
  const { data, valid } = toModelInput(image.rgb, image.width, image.height, SIZE)
  one.setImages(data, Uint32Array.of(valid.height, valid.width))
  const expected = await one.embedding()
  one.setImages(toyImages(1, 1, SIZE), Uint32Array.of(SIZE, SIZE))
  one.setImage(image)
  assert.equal(await one.embedding(), expected)
  assert.throws(() => one.setImage({ ...image, width: 71 }), /6603 bytes, not 6510/)
  assert.throws(() => two.setImage(image), /encodes 2 images at once/)
  for (const p of [one, two]) p.destroy()
})

test('a destroyed predictor frees its memory', async () => {
  const before = { ...engine.bytes }
  const own = await predictor({ prompts: 2, slots: 2, masks: true })
  assert.ok(engine.bytes.activation > before.activation)
  own.destroy()
  assert.is(engine.bytes.activation, before.activation)
})

test('invalid prompts are rejected with the reason', async () => {
  const own = await predictor({ prompts: 2, slots: 2 }, [1, 2])
  const masked = await predictor({ prompts: 2, slots: 2, masks: true })
  const good = batchOf([RAGGED[0], RAGGED[2]], 2)
  const refuse = (batch: PromptBatch, what: RegExp, by = own) =>
    by.predict(batch).then(
      () => assert.unreachable(`${what} was not refused`),
      (error: Error) => assert.match(error.message, what),
    )
  const coords = (...values: number[]) => Float32Array.from(values)
  await refuse(batchOf([RAGGED[1]], 3), /must hold 2 entries a prompt: got 6 and 3/)
  await refuse({ coords: coords(), labels: new Int32Array(0) }, /2 entries a prompt/)
  await refuse({ ...good, coords: good.coords.subarray(1) }, /2 entries a prompt/)
  await refuse({ ...good, coords: coords(1, NaN, 3, 4, 5, 6, 7, 8) }, /not a finite number/)
  await refuse({ ...good, coords: coords(1, 2, 3, 4, 5, Infinity, 7, 8) }, /not a finite number/)
  await refuse({ ...good, labels: Int32Array.of(-2, 1, 1, -1) }, /prompt 0: an absent entry must come after/)
  await refuse({ ...good, labels: Int32Array.of(1, 4, 1, -1) }, /the label 4: from -2 to 3/)
  await refuse({ ...good, labels: Int32Array.of(1, -3, 1, -1) }, /the label -3/)
  await refuse({ ...good, imageIndex: Uint32Array.of(0, 2) }, /one of the 2 images for each of the 2 prompts/)
  await refuse({ ...good, imageIndex: Uint32Array.of(0) }, /one of the 2 images for each of the 2 prompts/)
  await refuse({ ...good, masks: new Float32Array(2 * pixels) }, /if and only if the predictor was made with masks/)
  await refuse(good, /if and only if/, masked)
  await refuse({ ...good, masks: new Float32Array(pixels) }, /must be 2 of \[12, 12\] finite logits/, masked)
  await refuse({ ...good, masks: new Float32Array(2 * pixels).fill(NaN) }, /finite logits/, masked)
  assert.throws(() => own.setImages(new Float32Array(5), Uint32Array.of(1, 1, 1, 1)), /raw images .* got 20/)
  assert.is((await own.predict(good)).iou.length, 8, 'it still works')
  own.destroy()
  masked.destroy()
})

test('pixels, embeddings and weights that are not finite are refused; so is what overflows on the way', async () => {
  const own = await predictor({ prompts: 2, slots: 2 }, [1, 2])
  const good = batchOf([RAGGED[0], RAGGED[2], RAGGED[0]], 2)
  const before = await own.predict(good)
  const images = toyImages(3, 2, SIZE)
  images[3 * (SIZE * SIZE + 5 * SIZE + 7) + 1] = NaN
  const message = /^image 2 has a pixel that is NaN, at row 5, column 7 of the model's input/
  assert.throws(() => own.setImages(images, new Uint32Array(4).fill(SIZE)), isNonFinite(message))
  const embedding = await own.embedding()
  const infinite = embedding.slice()
  infinite[9] = -Infinity
  assert.throws(() => own.setEmbedding(infinite), isNonFinite(/element 9 of the image embedding is -Infinity/))
  assert.equal(await own.predict(good), before, 'what was refused was not used')
  own.destroy()

  /** Random weights, some of them changed. */
  const load = (change: (name: string, data: Float32Array) => Float32Array) => {
    const { source } = shapesOfArchitecture(model.architecture)
    const read = async (name: string) => {
      const { shape, data } = await source.read(name)
      return { shape, data: change(name, randomArray(name.length, data.length, 0.1)) }
    }
    return SamModel.load(engine, { has: source.has, read }, model.architecture, { inputSize: SIZE })
  }
  const name = 'mask_decoder.iou_token.weight'
  const damaged = load((of, data) => (of === name ? data.map((x, i) => (i === 3 ? NaN : x)) : data))
  const refused = await damaged.catch((error: Error) => error)
  assert.ok(isNonFinite(new RegExp(`^weight ${name}: element 3 is NaN`))(refused as Error))

  // finite weights of the last LayerNorm, whose product and sum are not
  const large = await load((of, data) => (of.startsWith('image_encoder.neck.3') ? data.fill(3e38) : data))
  const overflowing = await Predictor.create(large, { prompts: 2, slots: 2 })
  overflowing.setImages(toyImages(3, 1, SIZE), Uint32Array.of(SIZE, SIZE))
  const failed = await overflowing.predict(good).catch((error: Error) => error)
  assert.ok(
    isNonFinite(/^the model computes values that are not finite .*: the embedding of image 1 /)(failed as Error),
  )
  overflowing.setEmbedding(new Float32Array(overflowing.encoded.size))
  assert.is((await overflowing.predict(good)).iou.length, 12, 'an error of one image is none of the next')
  overflowing.destroy()
  large.release()
})

const isNonFinite = (message: RegExp) => (error: Error) =>
  error instanceof NonFiniteError ? (assert.match(error.message, message), true) : false

test('counts of present tokens include the output tokens', () => {
  assert.equal([...tokenCounts(Int32Array.of(1, -1, -2, -2, -2, -2, 2, 3, 1), 3)], [7, 5, 8])
})

test('overlapping predictions get their own results, and no new image in between', async () => {
  for (const prompts of [1, 3]) {
    const own = await predictor({ prompts, slots: 5 })
    const [first, second] = [batchOf(RAGGED, 5), batchOf([...RAGGED].reverse(), 5)]
    const alone = [await own.predict(first), await own.predict(second)]
    const calls = [own.predict(first), own.predict(second)]
    const image = toyImages(2, 1, SIZE)
    assert.throws(() => own.setImages(image, Uint32Array.of(SIZE, SIZE)), 'a prediction is still running')
    assert.equal(await Promise.all(calls), alone, `${prompts} prompts a pass`)
    own.setImages(image, Uint32Array.of(SIZE, SIZE))
    own.destroy()
  }
})

test('masks are chosen from the results of their call, also if others are predicted meanwhile', async () => {
  const own = await predictor({ prompts: 2, slots: 5 })
  const [first, second] = [batchOf(RAGGED, 5), batchOf([...RAGGED].reverse(), 5)]
  const best = (iou: Float32Array) => [iou.indexOf(Math.max(...iou))]
  const alone = [await own.predictMasks(first, best), await own.predictMasks(second, best), await own.predict(first)]
  const calls = [own.predictMasks(first, best), own.predictMasks(second, best), own.predict(first)]
  const image = toyImages(2, 1, SIZE)
  assert.throws(() => own.setImages(image, Uint32Array.of(SIZE, SIZE)), 'a prediction is still running')
  assert.equal(await Promise.all(calls), alone)
  own.setImages(image, Uint32Array.of(SIZE, SIZE))
  own.destroy()
})

test('a prediction of one pass is submitted at once, so that the next image may be set without waiting', async () => {
  const own = await predictor({ prompts: 1, slots: 5 })
  const batch = batchOf(RAGGED.slice(0, 1), 5)
  const alone = await own.predict(batch)
  const running = own.predict(batch)
  own.setImages(toyImages(2, 1, SIZE), Uint32Array.of(SIZE, SIZE))
  assert.equal(await running, alone)
  assert.not.equal(await own.predict(batch), alone)
  own.destroy()
})

test('a prediction that fails does not block the next', async () => {
  const own = await predictor({ prompts: 1, slots: 5 })
  const batch = batchOf(RAGGED, 5)
  const late = { ...batch, coords: batch.coords.slice(), labels: batch.labels.slice() }
  // an absent entry before one that is present: found when the last pass is submitted
  late.labels[20] = promptLabel.absent
  late.labels[21] = promptLabel.foreground
  const failing = own.predict(late).then(String, (error: Error) => error.message)
  const next = own.predict(batch)
  assert.match(await failing, 'an absent entry must come after the others')
  assert.is((await next).iou.length, 4 * RAGGED.length)
  own.setImages(toyImages(2, 1, SIZE), Uint32Array.of(SIZE, SIZE))
  own.destroy()
})

test('a load that fails or is aborted leaves nothing on the GPU', async () => {
  const { source } = shapesOfArchitecture(model.architecture)
  const before = { ...engine.bytes }
  const names: string[] = []
  const abort = new AbortController()
  const failing = {
    has: source.has,
    read: (name: string) => (names.length < 40 ? source.read(name) : Promise.reject(new Error('cut'))),
  }
  const onTensor = (name: string) => void names.push(name)
  const failed = await SamModel.load(engine, failing, model.architecture, { inputSize: SIZE, onTensor }).catch(
    (e: Error) => e,
  )
  assert.is((failed as Error).message, 'cut')
  assert.is(names.length, 40)
  assert.equal(engine.bytes, before)
  const stop = (name: string) => name.includes('blocks.1') && abort.abort(new Error('enough'))
  const loading = SamModel.load(engine, source, model.architecture, {
    inputSize: SIZE,
    signal: abort.signal,
    onTensor: stop,
  })
  assert.is(((await loading.catch((e: Error) => e)) as Error).message, 'enough')
  assert.equal(engine.bytes, before)
})

test.run()
