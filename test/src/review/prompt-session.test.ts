/** @file The model behind the review page: prompts, cached embeddings, priorities, and a failing GPU. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '../../../engine/device/engine'
import { decodeMask, encodeMask } from '../../../engine/masks/rle'
import { Predictor } from '../../../engine/sam/predictor'
import { TiledPredictor } from '../../../engine/scale/tiled-predictor'
import { wholeView } from '../../../engine/scale/view'
import { writePng } from '../../../src/images/png-writer'
import { UserError } from '../../../src/host/errors'
import { openEngine } from '../../../src/host/gpu'
import { openModel } from '../../../src/model/open-model'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import { HttpError } from '../../../src/host/http-error'
import type { PromptRequest } from '../../../src/review/protocol'
import { serve } from '../../../src/review/server'
import type { ImageFile } from '../../../src/review/encoded-parts'
import { PromptSession, type PromptSessionOptions } from '../../../src/review/prompt-session'
import { readPixels } from '../../../src/review/read-pixels'
import { WorkQueue } from '../../../src/review/work-queue'
import { segment } from '../../../src/model/segment-image'
import { chosenMasks } from '../../support/chosen-masks'
import { scratch } from '../../support/files'
import { ask } from '../../support/review'
import { openToy, toyImages } from '../../support/toy'

const SIDE = 48
const size = { width: 60, height: 40 }
const model = await openToy('toy_vit', SIDE)

const dir = scratch()
const rgb = new Map<string, Uint8Array>()
for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
  const data = Uint8Array.from(toyImages(i, 1, 60).subarray(0, 60 * 40 * 3))
  rgb.set(name, data)
  await writePng(join(dir, `${name}.png`), { ...size, channels: 3, data })
}
const image = (name: string): ImageFile => ({ name, path: join(dir, `${name}.png`) })
const embeddingBytes = model.side ** 2 * model.architecture.decoder.dim * 4

let loads = 0
const open = (over: Partial<PromptSessionOptions> = {}) =>
  new PromptSession({
    read: readPixels,
    model: { name: 'toy', adapter: null, size: SIDE },
    load: async () => {
      loads++
      return { model, close() {} }
    },
    ...over,
  })

const point = (x: number, y: number, foreground = true) => ({ x, y, foreground })
const prompt = (over: Partial<PromptRequest> = {}): PromptRequest => ({
  window: 'w',
  points: [point(30, 20)],
  box: null,
  ...over,
})

const refused = async (action: Promise<unknown>): Promise<HttpError> => {
  try {
    await action
  } catch (error) {
    assert.instance(error, HttpError)
    return error as HttpError
  }
  throw new Error('it was not refused')
}

test('a prompt gives the same masks as wgsam predict', async () => {
  const session = open()
  const cases: [PromptRequest, number][] = [
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
  loads = 0
  const session = open({ embeddingBytes: 2 * embeddingBytes })
  assert.is(loads, 0, 'the model is loaded when it is needed')
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
  assert.is(loads, 1)
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

test('a mask under the pointer is never worth an encoding; each click to take is decoded', async () => {
  const session = open()
  const hover = () => session.prompt(image('a'), size, prompt({ purpose: 'hover' }))
  assert.equal(await hover(), { masks: [], ms: 0, encodedNow: false }, 'before the model is loaded')
  await session.encode(image('b'))
  assert.equal((await hover()).masks, [])
  assert.not(session.encoded('a'))
  const shown = await session.prompt(image('a'), size, prompt())
  assert.equal((await hover()).masks, shown.masks)

  const running = session.encode(image('c'))
  const done: string[] = []
  const send = (purpose: 'hover' | 'take', x: number) =>
    session
      .prompt(image('a'), size, prompt({ purpose, points: [point(x, 9)] }))
      .then(() => done.push(`${purpose} ${x}`))
  const replaced = refused(send('hover', 1))
  const rest = [send('hover', 2), send('take', 3), send('take', 4)]
  assert.is((await replaced).status, 409)
  await Promise.all([running, ...rest])
  assert.equal(done, ['take 3', 'take 4', 'hover 2'])
  await session.close()
})

test('encoding ahead begins when nothing was asked for a while, and lets prompts through', async () => {
  const session = open({ idleMs: 300 })
  const direct = open()
  await session.encode(image('a'))
  const expected = await session.prompt(image('a'), size, prompt())
  const of = async (name: string) => (await direct.prompt(image(name), size, prompt())).masks
  const [b, c, d] = [await of('b'), await of('c'), await of('d')]

  const { setImageInParts } = Predictor.prototype
  /** Encodes an image ahead, with a request after the first part of the encoding; returns whether it was answered before the end. */
  const ahead = async (name: string, request: () => Promise<unknown>): Promise<boolean> => {
    let [asked, answered, before] = [false, false, false]
    Predictor.prototype.setImageInParts = function (rgbImage, between) {
      return setImageInParts.call(this, rgbImage, async () => {
        assert.is(session.doing.doing, 'encoding the next image')
        if (!asked) void request().then(() => (answered = true))
        asked = true
        await between()
        before ||= answered && !session.encoded(name)
      })
    }
    session.encodeAhead(image(name))
    while (!session.encoded(name)) await new Promise((resolve) => setTimeout(resolve, 5))
    Predictor.prototype.setImageInParts = setImageInParts
    assert.ok(asked)
    return before
  }

  let during: unknown
  await session.prompt(image('a'), size, prompt())
  const start = performance.now()
  const before = await ahead('b', async () => {
    assert.ok(performance.now() - start >= 290, 'not at once')
    during = (await session.prompt(image('a'), size, prompt({ purpose: 'take' }))).masks
  })
  assert.ok(before, 'the prompt does not wait for the encoding')
  assert.equal(during, expected.masks, 'on the embedding of the image on the screen')
  const next = await session.prompt(image('b'), size, prompt())
  assert.equal([next.encodedNow, next.masks], [false, b], 'the same bits as without interruption')

  // another image that has to be encoded in between
  assert.ok(await ahead('c', async () => (during = (await session.prompt(image('d'), size, prompt())).masks)))
  assert.equal(during, d)
  assert.equal((await session.prompt(image('c'), size, prompt())).masks, c)
  await session.close()

  // and the image itself, opened by a person: it is not encoded twice
  const another = open({ idleMs: 0 })
  await another.encode(image('a'))
  another.encodeAhead(image('b'))
  const [first, opened] = await Promise.all([another.prompt(image('b'), size, prompt()), another.encode(image('b'))])
  assert.equal([first.encodedNow, first.masks, opened > 0], [false, b, true])
  await another.close()
  await direct.close()
})

test('the next image is encoded when the queue is empty', async () => {
  const session = open({ idleMs: 0 })
  await session.encode(image('a'))
  session.encodeAhead(image('b'))
  session.encodeAhead(image('c'))
  session.encodeAhead(image('d'))
  const done: string[] = []
  await Promise.all([
    session.prompt(image('a'), size, prompt()).then(() => done.push(`prompt, c ${session.encoded('c')}`)),
    session.encode(image('a')).then(() => done.push('encoded')),
  ])
  while (!session.encoded('d')) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(done, ['encoded', 'prompt, c false'])
  assert.not(session.encoded('c'), 'of those ahead the last counts')
  await session.close()
})

test('of a window’s waiting prompts, only the newest is decoded', async () => {
  const session = open()
  const running = session.encode(image('a'))
  const send = (window: string, x: number) =>
    session.prompt(image('a'), size, prompt({ window, points: [point(x, 9)] }))
  const [one, two, other, three] = [send('w', 1), send('w', 2), send('v', 1), send('w', 3)]
  for (const older of [one, two]) {
    const error = await refused(older)
    assert.is(error.status, 409)
    assert.match(error.message, 'a newer request took its place')
  }
  await Promise.all([running, other, three])
  await session.close()
})

test('jobs run by priority: prompts, the image on the screen, the next one', async () => {
  const queue = new WorkQueue()
  const order: string[] = []
  const work = (name: string) => async () => {
    order.push(name)
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (name === 'bad') throw new Error('it failed')
  }
  const first = queue.run('ahead', work('running'))
  const rest = [
    queue.run('ahead', work('ahead')),
    queue.run('soon', work('soon')),
    queue.run('first', work('bad')).catch((error: Error) => order.push(error.message)),
    queue.run('first', work('prompt'), 'w'),
  ]
  await Promise.all([first, ...rest])
  assert.equal(order, ['running', 'bad', 'it failed', 'prompt', 'soon', 'ahead'])
  const last = queue.run('soon', work('last'))
  const late = refused(queue.run('soon', work('late')))
  await queue.close()
  await last
  assert.is((await late).status, 503)
  assert.is((await refused(queue.run('soon', work('after')))).status, 503)
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
