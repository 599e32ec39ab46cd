/** @file Find similar on the server: places and masks like the examples, whole and in tiles, and prompts in between. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { type Mask, maskArea } from '../../../engine/masks/mask'
import { encodeMask } from '../../../engine/masks/rle'
import { wholeView } from '../../../engine/scale/view'
import { HttpError } from '../../../src/host/http-error'
import { writePng } from '../../../src/images/png-writer'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import { PromptSession } from '../../../src/review/prompt-session'
import { readPixels } from '../../../src/review/read-pixels'
import { serve } from '../../../src/review/server'
import { predictDiscs } from '../../support/disc-predictions'
import { drawFeatures } from '../../support/drawn-features'
import { scratch } from '../../support/files'
import { ask } from '../../support/review'
import { openToy, toyImages } from '../../support/toy'

const SIDE = 96
const size = { width: 60, height: 40 }
const model = await openToy('toy_vit', SIDE)
const dir = scratch()
await writePng(join(dir, 'a.png'), {
  ...size,
  channels: 3,
  data: Uint8Array.from(toyImages(0, 1, 60).subarray(0, 7200)),
})
const image = { name: 'a', path: join(dir, 'a.png') }

/** Where the features of particles are, in pixels of the image: middles of squares of 10 pixels. */
const particles = [
  [15, 15],
  [45, 15],
  [45, 35],
]

const restoreFeatures = drawFeatures(model, size, particles)
// discs of 5, 5, 5 and 20 pixels around prompts in the whole image
const restore = predictDiscs([2.2, 2.2, 2.2, 8])

const example: Mask = { x0: 10, y0: 10, width: 10, height: 10, data: new Uint8Array(100).fill(1) }
const open = (tileSize = 0) =>
  new PromptSession({
    read: readPixels,
    model: { name: 'toy', adapter: null, size: SIDE },
    load: async () => ({ model, close() {} }),
    viewOf: () => ({ ...wholeView(size, SIDE, 4), ...(tileSize && { tileSize, tileHalo: 5, tiles: 4 }) }),
  })

test('the places of the particles are found, and a mask of the examples’ size at each', async () => {
  const session = open()
  const places = await session.similarPlaces(image, size, [example])
  assert.is(places.length, 3)
  for (const [x, y] of particles)
    assert.ok(
      places.some((p) => Math.hypot(p.x - x, p.y - y) < 4),
      `${x}, ${y}`,
    )
  assert.ok(places.every(({ similarity }) => similarity > 0.9))
  const ground = { x: 25, y: 35 }
  const found = await session.similarMasks(image, size, [example], [...places, ground])
  for (const one of found) assert.ok(maskArea(one!.mask) < 150, 'not the disc of 20 pixels')
  const [last, ...rest] = found.reverse()
  assert.ok(
    rest.every((one) => one!.similarity > 0.9),
    'a mask on a particle',
  )
  assert.ok(last!.similarity < 0, 'one on the ground')
  // examples of which no mask has the size
  const dot = { ...example, width: 1, height: 1, data: Uint8Array.of(1) }
  assert.equal(await session.similarMasks(image, size, [dot], [ground]), [null])
  await session.close()
})

test('in tiles the same particles are found, each once', async () => {
  const session = open(40)
  const seen: number[] = []
  const searching = session.similarPlaces(image, size, [example])
  const watching = setInterval(() => seen.push(session.doing.tiles?.total ?? 0), 1)
  const places = await searching
  clearInterval(watching)
  assert.ok(
    seen.some((total) => total > 1),
    'it says how many tiles are compared',
  )
  assert.is(session.doing.tiles, undefined)
  for (const [x, y] of particles)
    assert.is(places.filter((p) => p.similarity > 0.7 && Math.hypot(p.x - x, p.y - y) < 6).length, 1, `${x}, ${y}`)
  await session.close()
})

test('a cancelled search ends after the tile that it is at, also while it waits', async () => {
  const session = open(40)
  const stop = new AbortController()
  const waits = new AbortController()
  const searching = session.similarPlaces(image, size, [example], stop.signal)
  const waiting = session.similarPlaces(image, size, [example], waits.signal)
  waits.abort()
  while (session.doing.tiles?.done !== 1) await new Promise((done) => setImmediate(done))
  stop.abort()
  for (const one of [searching, waiting]) {
    const why = await one.catch((error: unknown) => error as HttpError)
    assert.is((why as HttpError).status, 409)
    assert.match((why as HttpError).message, 'cancelled')
  }
  assert.equal(session.doing, { doing: null })
  // the model was not given up, and its tiles are in memory
  assert.is((await session.similarMasks(image, size, [example], [{ x: 45, y: 15 }])).length, 1)
  await session.close()
})

test('prompts do not wait for a search', async () => {
  const session = open()
  await session.encode(image)
  const done: string[] = []
  const points = Array.from({ length: 6 }, (_, i) => ({ x: 5 + 9 * i, y: 20 }))
  const searching = session.similarMasks(image, size, [example], points).then(() => done.push('search'))
  const prompt = { window: 'w', points: [{ x: 20, y: 20, foreground: true }], box: null }
  await Promise.all([searching, session.prompt(image, size, prompt).then(() => done.push('prompt'))])
  assert.equal(done, ['prompt', 'search'])
  await session.close()
})

test('over HTTP: places and masks; examples that cannot be used are refused with the reason', async () => {
  const folder = await ReviewFolder.open(dir)
  const session = open()
  const server = await serve({ folder, session, assets: new Map() })
  const post = (part: string, body: unknown) => ask(`${server.url}api/images/a/${part}`, { body })
  const examples = [encodeMask(example, size)]
  const { json } = await post('similar', { examples })
  assert.is(json.places.length, 3)
  const reply = await post('similar-masks', {
    examples,
    points: json.places.map(({ x, y }: Mask & { x: number; y: number }) => ({ x, y })),
  })
  assert.equal(reply.json.masks[0].segmentation.size, [40, 60])
  assert.ok(reply.json.masks[0].similarity > 0.9)
  for (const [body, why] of [
    [{ examples: [] }, /examples/],
    [{ examples: [encodeMask(example, { width: 61, height: 40 })] }, /61 x 40 pixels/],
    [
      { examples: [{ size: [40, 60], counts: encodeMask({ ...example, data: new Uint8Array(100) }, size).counts }] },
      /empty/,
    ],
  ] as const) {
    const { status, json: refused } = await post('similar', body)
    assert.is(status, 400)
    assert.match(refused.error, why)
  }
  await server.close()
  await session.close()
  await folder.close()
})

test.after(() => {
  restore()
  restoreFeatures()
})

test.run()
