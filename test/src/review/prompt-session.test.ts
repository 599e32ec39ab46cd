/** @file The model behind the review page: prompts, cached embeddings, and a failing GPU. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '../../../engine/device/engine'
import type { Mask } from '../../../engine/masks/mask'
import { decodeMask, encodeMask } from '../../../engine/masks/rle'
import { Predictor } from '../../../engine/sam/predictor'
import { TiledPredictor } from '../../../engine/scale/tiled-predictor'
import { wholeView } from '../../../engine/scale/view'
import { UserError } from '../../../src/host/errors'
import { openEngine } from '../../../src/host/gpu'
import { openModel } from '../../../src/model/open-model'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import type { PromptRequest } from '../../../src/review/protocol'
import { serve } from '../../../src/review/server'
import { segment } from '../../../src/model/segment-image'
import { chosenMasks } from '../../support/chosen-masks'
import { ask } from '../../support/review'
import {
  counted,
  dir,
  embeddingBytes,
  image,
  model,
  open,
  point,
  prompt,
  refused,
  rgb,
  SIDE,
  size,
} from '../../support/toy-prompts'

test('a prompt gives the same masks as wgsam predict', async () => {
  const session = open()
  const cases: [ReturnType<typeof prompt>, number][] = [
    [prompt(), 3],
    [prompt({ points: [point(30, 20), point(5, 5, false)] }), 1],
    [prompt({ points: [], box: [10, 5, 40, 30] }), 1],
    [prompt({ points: [point(20, 20)], box: [10, 5, 40, 30] }), 1],
  ]
  for (const [request, count] of cases) {
    const { masks, ms } = await session.prompt(image('a'), size, request)
    const slots = request.points.length + (request.box ? 2 : 1)
    const predictor = await Predictor.create(model, { prompts: 1, slots })
    const { masks: expected } = await segment(predictor, { ...size, rgb: rgb.get('a')! }, request, count === 3)
    predictor.destroy()
    const seen = expected.filter(({ mask }) => mask.data.length)
    assert.ok(seen.length > 0, 'or this would show nothing')
    assert.is(masks.length, seen.length)
    masks.forEach((mask, i) => {
      assert.ok(Math.abs(mask.predictedIou - seen[i].predictedIou) < 1e-5)
      const got = decodeMask(mask.segmentation)
      const sum = (data: Uint8Array) => data.reduce((total, inside) => total + inside, 0)
      // another number of prompt slots changes the order of sums: pixels exactly at the threshold may differ
      assert.ok(Math.abs(sum(got.data) - sum(seen[i].mask.data)) <= 2)
      assert.ok(mask.stability >= 0 && mask.stability <= 1)
    })
    assert.ok(
      masks.every((mask, i) => i === 0 || mask.predictedIou <= masks[i - 1].predictedIou),
      'the best first',
    )
    assert.ok(ms > 0)
  }
  await session.close()
})

test('an image is encoded once, and again after others have replaced it in the cache', async () => {
  counted.loads = 0
  const session = open({ embeddingBytes: 2 * embeddingBytes })
  assert.is(counted.loads, 0, 'the model is loaded when it is needed')
  const masks = async (name: string) => {
    const { masks: all, encodedNow } = await session.prompt(image(name), size, prompt())
    return { encodedNow, masks: JSON.stringify(all) }
  }
  const first = await masks('a')
  assert.ok(first.encodedNow)
  assert.ok((await session.encode(image('b'))) > 0)
  assert.is(await session.encode(image('b')), 0)
  const b = await masks('b')
  assert.not(b.encodedNow)
  assert.is.not(b.masks, first.masks)
  const again = await masks('a')
  assert.equal(again, { encodedNow: false, masks: first.masks }, 'from memory, with the same bits')
  await session.encode(image('c'))
  assert.equal(
    ['a', 'b', 'c'].map((name) => session.encoded(name)),
    [true, false, true],
  )
  assert.equal(await masks('b'), { encodedNow: true, masks: b.masks })
  assert.is(counted.loads, 1)
  await session.close()
})

test('where particles are small, a prompt is seen in its tile, and each tile is encoded once', async () => {
  const view = { ...wholeView(size, SIDE, 4), tileSize: 30, tileHalo: 8, tiles: 8 }
  const names: string[] = []
  const session = open({
    viewOf: (name, inputSize) => {
      names.push(name)
      assert.is(inputSize, SIDE)
      return name === 'a' ? view : wholeView(size, SIDE)
    },
  })
  assert.not(session.encoded('a'))
  assert.is(await session.encode(image('a')), 0, 'no prompt has said which tile')
  assert.ok(session.encoded('a') && names.includes('a'))

  const slots = 18
  const predictor = await Predictor.create(model, { prompts: 1, slots })
  const tiled = new TiledPredictor(predictor)
  const picture = { ...size, rgb: rgb.get('a')! }
  const widths = new Set<number>()
  const boxes: [[number, number, number, number], boolean][] = [
    [[6, 6, 10, 10], true],
    [[8, 5, 12, 9], false],
    [[46, 28, 52, 33], true],
    [[2, 2, 57, 37], true],
  ]
  const { predictMasks } = Predictor.prototype
  let radii = [2.5, 2.5, 2.5, 2.5]
  let ious: number[] | null = null
  // the toy's masks cover the whole image: make them discs around the prompt that still depend on what is encoded
  Predictor.prototype.predictMasks = async function (batch, choose) {
    const found = await this.predict(batch)
    const { maskSide, inputSize } = this.model
    const [x, y] = [0, 1].map(
      (axis) =>
        (batch.labels[0] === 1 ? batch.coords[axis] : (batch.coords[axis] + batch.coords[axis + 2]) / 2) *
        (maskSide / inputSize),
    )
    const logits = found.logits.map((value, i) => {
      const at = i % maskSide ** 2
      return (
        radii[Math.floor(i / maskSide ** 2)] +
        0.1 * Math.tanh(value) -
        Math.hypot((at % maskSide) - x, Math.floor(at / maskSide) - y)
      )
    })
    return chosenMasks({ logits, iou: ious ? Float32Array.from(ious) : found.iou }, choose)
  }
  for (const [box, fresh] of boxes) {
    const request = prompt({ points: [], box })
    const reply = await session.prompt(image('a'), size, request)
    const [[expected]] = await tiled.predict(picture, [request], view)
    widths.add(expected.region.right - expected.region.left)
    assert.is(reply.masks.length, 1)
    assert.is(reply.masks[0].predictedIou, expected.predictedIou)
    assert.equal(reply.masks[0].segmentation, encodeMask(expected.mask, size))
    assert.is(reply.encodedNow, fresh, 'a part is encoded at its first prompt')
    const again = await session.prompt(image('a'), size, request)
    assert.equal([again.encodedNow, again.masks], [false, reply.masks], 'all its parts are in memory')
  }
  // of the three masks of a point those that the tile cuts are left out, if another is credible
  const ask = async (found: number[]) => {
    ious = found
    radii = [9, 2.5, 3.5, 99]
    const { masks } = await session.prompt(image('a'), size, prompt({ points: [point(8, 8)] }))
    return masks.map(({ predictedIou, segmentation }) => [
      Number(predictedIou.toFixed(2)),
      decodeMask(segmentation).width < 30,
    ])
  }
  assert.equal(await ask([1, 0.6, 0.7, 0.9]), [
    [0.7, true],
    [0.6, true],
  ])
  assert.equal(await ask([1, 0.3, 0.4, 0.9]), [
    [0.9, false],
    [0.4, true],
    [0.3, true],
  ])
  Predictor.prototype.predictMasks = predictMasks
  predictor.destroy()
  assert.ok(widths.has(30) && widths.has(60), 'a tile, and the whole image for what does not fit')

  assert.ok((await session.encode(image('b'))) > 0, 'the others are encoded whole')
  assert.not((await session.prompt(image('b'), size, prompt())).encodedNow)
  await session.close()
})

test('points correct the mask that comes with them', async () => {
  const session = open()
  const picture = { ...size, rgb: rgb.get('a')! }
  const predictor = await Predictor.create(model, { prompts: 1, slots: 3 })
  const masked = await predictor.withMasks()
  const tiled = new TiledPredictor(predictor, masked)
  const points = [point(30, 20), point(40, 20, false)]
  const ask = async (mask?: Mask) => {
    const { masks } = await session.prompt(image('a'), size, {
      ...prompt({ points }),
      ...(mask && { mask: encodeMask(mask, size) }),
    })
    const [[expected]] = await tiled.predict(picture, [{ points, box: null, mask }], wholeView(size, SIDE))
    assert.is(masks.length, 1)
    assert.ok(Math.abs(masks[0].predictedIou - expected.predictedIou) < 1e-5)
    return masks[0].predictedIou
  }
  const square = (x0: number): Mask => ({ x0, y0: 10, width: 20, height: 20, data: new Uint8Array(400).fill(1) })
  const answers = [await ask(), await ask(square(20)), await ask(square(5)), await ask()]
  assert.is(answers[0], answers[3])
  assert.is(new Set(answers).size, 3, 'the mask makes a difference')
  const held = () => Object.values(model.engine.bytes).reduce((sum, bytes) => sum + bytes)
  const before = held()
  await session.close()
  assert.ok(held() < before, 'its decoders are freed')
  masked.destroy()
  predictor.destroy()

  const other = open()
  const no = async (what: RegExp, mask: PromptRequest['mask']) => {
    const { status, message } = await refused(other.prompt(image('a'), size, { ...prompt(), mask }))
    assert.is(status, 400)
    assert.match(message, what)
  }
  const sound = encodeMask(square(20), size)
  await no(/the mask to correct has 61 x 40 pixels, but the image has 60 x 40/, { ...sound, size: [40, 61] })
  await no(/the mask to correct is damaged/, { ...sound, counts: `${sound.counts}?!` })
  await no(/the mask to correct is empty/, encodeMask({ ...square(0), data: new Uint8Array(400) }, size))
  await other.close()
})

test('invalid prompts are rejected with the reason', async () => {
  const session = open()
  const no = async (what: RegExp, over: Partial<PromptRequest>) => {
    const { status, message } = await refused(session.prompt(image('a'), size, prompt(over)))
    assert.is(status, 400)
    assert.match(message, what)
  }
  await no(/which object/, { points: [] })
  await no(/outside the image of 60 x 40/, { points: [point(60, 3)] })
  await no(/outside/, { points: [point(-0.5, 3)] })
  await no(/is empty/, { points: [], box: [5, 5, 5, 9] })
  await no(/not inside/, { points: [], box: [5, 5, 70, 9] })
  await no(/at most 16 points/, { points: Array.from({ length: 17 }, (_, i) => point(i, i)) })
  assert.ok(
    (
      await session.prompt(
        image('a'),
        size,
        prompt({ points: Array.from({ length: 16 }, (_, i) => point(i, i)), box: [1, 1, 30, 30] }),
      )
    ).ms > 0,
  )
  await session.close()
})

test('a model that cannot be loaded is reported, and tried again', async () => {
  let broken = true
  const session = open({
    load: async () => {
      if (broken) throw new UserError('no WebGPU adapter answers')
      return { model, close() {} }
    },
  })
  const error = await refused(session.encode(image('a')))
  assert.equal([error.status, error.message], [503, 'no WebGPU adapter answers'])
  broken = false
  assert.ok((await session.encode(image('a'))) > 0)

  // an unreadable image is not an error of the model
  const unread = await refused(session.encode({ name: 'x', path: join(dir, 'x.png') }))
  assert.is(unread.status, 422)
  await session.close()
})

test('a lost GPU is reported, and the next prompt loads the model again', async () => {
  const engines: Engine[] = []
  const session = open({
    load: async () => {
      const engine = await openEngine()
      engines.push(engine)
      const config = JSON.parse(readFileSync('golden/files/toy_vit.json', 'utf8'))
      const own = await openModel(engine, 'golden/files/toy_vit.pth', { config, inputSize: SIDE })
      return { model: own, close: () => engine.destroy() }
    },
  })
  const first = await session.prompt(image('a'), size, prompt())
  engines[0].device.destroy()
  await engines[0].device.lost
  const lost = await refused(session.prompt(image('a'), size, prompt()))
  assert.is(lost.status, 503)
  assert.match(lost.message, /^the model has failed: .*lost.*\. The next request loads it again$/)
  const again = await session.prompt(image('a'), size, prompt())
  assert.is(engines.length, 2)
  assert.not(again.encodedNow, 'the embedding outlived the device')
  assert.equal(again.masks, first.masks)
  await session.close()
})

test('the server passes prompts and errors on', async () => {
  const folder = await ReviewFolder.open(dir)
  const session = open()
  const server = await serve({ folder, session, assets: new Map() })
  const at = (name: string, part: string) => `${server.url}api/images/${name}/${part}`
  assert.equal((await ask(`${server.url}api/session`)).json.model, { name: 'toy', adapter: null, size: SIDE })
  const encoded = await ask(at('a', 'encode'), { body: { next: 'b' } })
  assert.is(encoded.json.encoded, true)
  assert.ok(encoded.json.ms > 0)
  const { status, json } = await ask(at('a', 'prompt'), { body: prompt() })
  assert.is(status, 200)
  assert.not(json.encodedNow)
  assert.equal(json.masks[0].segmentation.size, [40, 60])
  while (!session.encoded('b')) await new Promise((resolve) => setTimeout(resolve, 5))
  const list = (await ask(`${server.url}api/images`)).json as { encoded: boolean }[]
  assert.equal(
    list.map((one) => one.encoded),
    [true, true, false, false],
  )
  for (const body of [{}, prompt({ points: [point(NaN, 1)] }), { ...prompt(), box: [1, 2, 3] }, prompt({ points: [] })])
    assert.is((await ask(at('a', 'prompt'), { body })).status, 400)
  assert.is((await ask(at('a', 'encode'), { body: { next: 'nobody' } })).status, 200)
  await server.close()
  await session.close()
  await folder.close()
})

test.run()
