/** @file Masks of prompts on tiles: the tile of each prompt, exact places, larger tiles for what does not fit, estimates. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Region, regionSize } from '../../../engine/image/box'
import { cropImage, type RgbImage } from '../../../engine/image/rgb-image'
import { type Mask, maskArea } from '../../../engine/masks/mask'
import { paintMasks } from '../../../engine/masks/mask-algebra'
import type { Predictor } from '../../../engine/sam/predictor'
import type { PromptBatch } from '../../../engine/sam/prompt-batch'
import type { ImagePrompt } from '../../../engine/sam/prompt-masks'
import { extentsOf, sizeOfAnswers } from '../../../engine/scale/prompted-size'
import { TiledPredictor } from '../../../engine/scale/tiled-predictor'
import { chosenMasks } from '../../support/chosen-masks'

const box = (x0: number, y0: number, x1: number, y1: number): ImagePrompt => ({ points: [], box: [x0, y0, x1, y1] })
const point = (x: number, y: number): ImagePrompt => ({ points: [{ x, y, foreground: true }], box: null })

/** An image in which every pixel names its place: red is x, green is y. */
function places(width: number, height: number): RgbImage {
  const rgb = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++, at += 3) rgb.set([x, y, 90], at)
  return { width, height, rgb }
}

const SIZE = 64
const SIDE = 64

/**
 * A model of known masks: a disc of `radius` pixels of the input (one for all tokens, or one for each) around the prompt, which is
 * its box's middle or its point; with `byPixel` larger by what the image shows there. Its predicted IoU is `iou`, or one for each token. It
 * notes the parts that it was shown and how many prompts on each.
 */
function fake(radius: number | number[], byPixel = false, iou = [0.5, 0.5, 0.5, 0.5]) {
  const seen: { region: Region; prompts: number }[] = []
  let shown: RgbImage
  const predictor = {
    model: { inputSize: SIZE, maskSide: SIDE },
    slots: 2,
    prompts: 4,
    setImage(image: RgbImage) {
      const [left, top] = image.rgb
      shown = image
      seen.push({ region: { left, top, right: left + image.width, bottom: top + image.height }, prompts: 0 })
    },
    async predictMasks({ coords, labels }: PromptBatch, choose: Parameters<Predictor['predictMasks']>[1]) {
      const count = labels.length / 2
      assert.ok(count <= 4 && shown)
      seen.at(-1)!.prompts += count
      const longest = Math.max(shown.width, shown.height)
      const logits = new Float32Array(count * 4 * SIDE * SIDE).fill(-8)
      for (let p = 0; p < count; p++) {
        const single = labels[2 * p + 1] === -1
        const [a, b, c, d] = coords.subarray(4 * p)
        const [x, y] = single ? [a, b] : [(a + c) / 2, (b + d) / 2]
        const at = 3 * (Math.round((y * longest) / SIZE) * shown.width + Math.round((x * longest) / SIZE))
        const more = byPixel ? (shown.rgb[at] + shown.rgb[at + 1]) / 100 : 0
        for (let token = 0; token < 4; token++) {
          const wide = (typeof radius === 'number' ? radius : radius[token]) + more
          for (let i = 0; i < SIDE * SIDE; i++) {
            const distance = Math.hypot((i % SIDE) - x, Math.floor(i / SIDE) - y)
            logits[(4 * p + token) * SIDE * SIDE + i] = wide - distance
          }
        }
      }
      return chosenMasks({ logits, iou: Float32Array.from({ length: count * 4 }, (_, i) => iou[i % 4]) }, choose)
    },
  }
  return { tiled: new TiledPredictor(predictor as unknown as Predictor), seen, predictor }
}

const view = { tileSize: 64, tileHalo: 16 }

test('each prompt goes to the tile in which it is most central, and each tile is encoded once', async () => {
  const { tiled, seen } = fake(3)
  const image = places(160, 64)
  const prompts = [box(4, 20, 10, 30), box(150, 20, 156, 30), box(60, 30, 70, 40), box(6, 40, 12, 50), point(79, 30)]
  const masks = await tiled.predict(image, prompts, view)
  assert.equal(
    seen.map(({ region, prompts }) => [region.left, prompts]),
    [
      [0, 2],
      [32, 2],
      [96, 1],
    ],
  )
  const centres = [
    [7, 25],
    [153, 25],
    [65, 35],
    [9, 45],
    [79, 30],
  ]
  masks.forEach(([{ mask }], i) => {
    const plane = paintMasks([mask], image)
    const [x, y] = centres[i]
    assert.ok(plane[y * 160 + x], `mask ${i} is around its prompt`)
    assert.ok(Math.abs(maskArea(mask) - Math.PI * 9) < 10)
  })
})

test('what does not fit into a tile with a margin, and what a tile cuts, is seen in a larger one', async () => {
  const large = fake(20)
  const image = places(200, 200)
  await large.tiled.predict(image, [point(100, 100)], view)
  const sides = large.seen.map(({ region }) => regionSize(region).width)
  assert.equal(sides, [64, 128], 'the disc reaches the edge of 64 pixels, not of 128')
  const { tiled, seen } = fake(3)
  await tiled.predict(image, [box(60, 60, 110, 110)], view)
  assert.equal(
    seen.map(({ region }) => regionSize(region).width),
    [128],
    'a box of 51 has no margin in 64',
  )
  const whole = fake(3)
  await whole.tiled.predict(image, [box(2, 2, 198, 198)], view)
  assert.equal(whole.seen[0].region, { left: 0, top: 0, right: 200, bottom: 200 })
})

test('of a point’s three masks one that its tile does not cut is preferred, if it is credible', async () => {
  const image = places(200, 200)
  const ask = async (radii: number[], iou: number[], options = {}, prompt = point(100, 100)) => {
    const { tiled, seen } = fake(radii, false, iou)
    const [masks] = await tiled.predict(image, [prompt], view, options)
    return { tokens: masks.map(({ token }) => token), parts: seen.map(({ region }) => regionSize(region).width) }
  }
  // the model prefers the third mask, which extends beyond the tile of 64
  assert.equal(await ask([3, 3, 5, 60], [1, 0.6, 0.7, 0.9]), { tokens: [2], parts: [64] })
  assert.equal(await ask([3, 3, 5, 60], [1, 0.6, 0.7, 0.9], { multimask: true }), { tokens: [2, 1], parts: [64] })
  // the others are not credible: it is asked for in larger parts, and at last the whole image cuts nothing
  const larger = await ask([3, 3, 5, 60], [1, 0.2, 0.3, 0.9])
  assert.equal(larger, { tokens: [3], parts: [64, 128, 200] })
  assert.equal((await ask([3, -9, -9, 60], [1, 0.6, 0.7, 0.9])).tokens, [3], 'empty masks are no particles')
  // a box has one mask, and a complete mask stays although another has a lower IoU
  assert.equal(await ask([3, 60, 60, 60], [0.1, 0.9, 0.9, 0.9], {}, box(90, 90, 110, 110)), {
    tokens: [0],
    parts: [64],
  })
  assert.equal((await ask([3, 5, 5, 5], [1, 0.6, 0.7, 0.9])).tokens, [3])
})

test('an estimate of boxes looks at no image, one of points at the whole image once', async () => {
  const band = { low: 10, target: 16, high: 60 }
  const limits = { magnification: 2, tiles: 300 }
  const image = places(250, 250)
  // 8 pixels are 2 of the input
  const small = [box(20, 20, 27, 27), box(200, 200, 207, 207), box(100, 30, 107, 37)]
  const boxes = fake(2)
  const { view: chosen } = await boxes.tiled.predictAtScale(image, small, { diameter: 'auto', band, limits })
  assert.is(chosen.tileSize, 32, 'not more than twice its own pixels')
  assert.is(chosen.diameter, 8)
  assert.ok(boxes.seen.every(({ region }) => regionSize(region).width < 250))

  const points = [point(20, 20), point(60, 60), point(100, 30)]
  const fine = fake(6)
  const first = await fine.tiled.predictAtScale(image, points, { diameter: 'auto', band })
  assert.is(first.view.tileSize, 0)
  assert.is(fine.seen.length, 1, 'its masks are the result')
  const tiny = fake(1.5)
  const second = await tiny.tiled.predictAtScale(image, points, { diameter: 'auto', band })
  assert.ok(second.view.tileSize > 0)
  assert.equal(tiny.seen[0].region, { left: 0, top: 0, right: 250, bottom: 250 })
  assert.ok(tiny.seen.length > 1)

  const off = fake(1.5)
  assert.is((await off.tiled.predictAtScale(image, points, { diameter: 'none', band })).view.tileSize, 0)
  assert.is(off.seen.length, 1)
  const stated = fake(1.5)
  assert.is((await stated.tiled.predictAtScale(image, points, { diameter: 6, band })).view.diameter, 6)
})

test('objects that are small among larger ones are seen in tiles that are halved for them', async () => {
  const band = { low: 16, target: 20, high: 60 }
  const image = places(250, 250)
  // at 64 input pixels for 64 of the image the median has 20; 9 in half a tile has 18; 3 would need an eighth of a tile, but a quarter
  // already shows 4 input pixels for each of the image
  const usual = [box(20, 20, 39, 39), box(200, 40, 219, 59), box(100, 200, 119, 219)]
  const small = [box(130, 100, 132, 102), box(60, 150, 68, 158)]
  const boxes = fake(3)
  const { view: chosen, masks } = await boxes.tiled.predictAtScale(image, [small[0], ...usual, small[1]], {
    ...{ diameter: 'auto', band, limits: { magnification: 1, tiles: 300 } },
  })
  assert.is(chosen.tileSize, 64)
  const sides = masks.map(([{ region }]) => regionSize(region).width)
  assert.equal(sides, [16, 64, 64, 64, 32])
  masks.forEach(([{ mask, region }], i) => {
    const [x0, , x1] = [small[0], ...usual, small[1]][i].box!
    assert.ok(contains(region, mask) && mask.x0 < (x0 + x1) / 2 && (x0 + x1) / 2 < mask.x0 + mask.width)
  })

  // how large the particle at a point is, the first answer says: at (20, 20) 3 of 64 input pixels, at the others 8 and more
  const points = [point(200, 120), point(20, 20), point(230, 200), point(130, 230)]
  const answers = fake(1, true)
  const { view: whole, masks: found } = await answers.tiled.predictAtScale(image, points, {
    ...{ diameter: 'auto', band: { low: 5, target: 8, high: 60 } },
  })
  assert.is(whole.tileSize, 0, 'the median is large enough')
  assert.equal(
    found.map(([{ region }]) => regionSize(region).width),
    [250, 125, 250, 250],
  )
  assert.equal(
    answers.seen.map(({ prompts }) => prompts),
    [4, 1],
  )
})

test('the limit on tiles counts encoded ones: few prompts are not bound by it', async () => {
  const band = { low: 10, target: 16, high: 60 }
  const image = places(250, 250)
  const at = async (prompts: ImagePrompt[]) => {
    const { tiled, seen } = fake(1.5)
    const { view: chosen, masks } = await tiled.predictAtScale(image, prompts, {
      ...{ diameter: 6, band },
      limits: { magnification: 4, tiles: 9 },
    })
    for (const [i, [{ region, mask }]] of masks.entries()) {
      const [{ x, y }] = prompts[i].points
      assert.ok(region.left <= x && x < region.right && region.top <= y && y < region.bottom && contains(region, mask))
    }
    return { ...chosen, encoded: seen.length }
  }
  const few = await at([point(20, 20), point(200, 30)])
  assert.ok(few.tiles > 9 && few.encoded === 2 && few.limit !== 'tiles')
  const many = await at(Array.from({ length: 10 }, (_, i) => point(20 + 20 * i, 20 + 20 * i)))
  assert.ok(many.tiles <= 9 && many.encoded <= 9 && many.limit === 'tiles')
})

test('masks that cover many prompts do not hide that particles are small', async () => {
  const band = { low: 10, target: 16, high: 60 }
  const points = Array.from({ length: 25 }, (_, i) => point(100 + 9 * (i % 5), 100 + 9 * Math.floor(i / 5)))
  const { view: chosen } = await fake(12).tiled.predictAtScale(places(250, 250), points, { diameter: 'auto', band })
  assert.is(chosen.diameter, 9, 'the distance between prompts, not the 94 of the masks')
})

test('elongated particles side by side are as large as their masks, although their prompts are near each other', () => {
  const rod = (y0: number): Mask => ({ x0: 20, y0, width: 100, height: 12, data: new Uint8Array(1200).fill(1) })
  const prompts = [point(60, 25), point(62, 40), point(64, 55)]
  const answers = [rod(20), rod(35), rod(50)].map((mask) => [{ mask }])
  const size = sizeOfAnswers(prompts, answers)!
  assert.is(Math.round(size.diameter), Math.round(Math.sqrt((4 * 1200) / Math.PI)))
  assert.is(size.largest, 100)
  assert.equal(extentsOf(prompts, answers)[1], { x0: 20, y0: 35, x1: 119, y1: 46 })
  // the middle mask covers the first particle's prompt too: it ends before it
  answers[1] = [{ mask: { x0: 20, y0: 20, width: 100, height: 27, data: new Uint8Array(2700).fill(1) } }]
  assert.is(extentsOf(prompts, answers)[1]!.x1, 62 + Math.hypot(2, 15))
})

test('an object that is known to be larger than a tile is not asked for there', async () => {
  const { tiled, seen } = fake(3)
  const image = places(250, 250)
  await tiled.predict(image, [point(125, 125)], view, {}, [{ x0: 80, y0: 100, x1: 170, y1: 150 }])
  assert.equal(
    seen.map(({ region }) => regionSize(region).width),
    [250],
  )
  seen.length = 0
  await tiled.predict(image, [point(125, 125)], view, {}, [null])
  assert.is(regionSize(seen[0].region).width, 64)
})

test('one prompt, none, and masks without a pixel', async () => {
  const { tiled } = fake(-1)
  const image = places(250, 250)
  assert.equal((await tiled.predictAtScale(image, [], { diameter: 'auto' })).masks, [])
  const { masks, view: chosen } = await tiled.predictAtScale(image, [point(30, 30)], { diameter: 'auto' })
  assert.is(maskArea(masks[0][0].mask), 0)
  assert.is(chosen.tileSize, 0)
  assert.is(chosen.diameter, null)
})

test('a tile’s masks are those of the same crop, pixel for pixel', async () => {
  const image = places(200, 90)
  const prompts = [box(10, 10, 24, 30), box(170, 60, 186, 80), box(82, 30, 102, 52), point(140, 45)]
  const { tiled, seen } = fake(4.3, true)
  const masks = await tiled.predict(image, prompts, { tileSize: 80, tileHalo: 22 })
  const areas = new Set<number>()
  for (const [i, prompt] of prompts.entries()) {
    const region = seen
      .map(({ region }) => region)
      .find((r) => [0, 120, 60, 90][i] === r.left && contains(r, masks[i][0].mask))
    assert.ok(region, `prompt ${i} was seen in one of the tiles`)
    assert.is(regionSize(region).width, 80)
    const crop = { ...regionSize(region), rgb: cropImage(image, region) }
    const { left, top } = region
    const local: ImagePrompt = {
      points: prompt.points.map(({ x, y, foreground }) => ({ x: x - left, y: y - top, foreground })),
      box: prompt.box && [prompt.box[0] - left, prompt.box[1] - top, prompt.box[2] - left, prompt.box[3] - top],
    }
    const [[plain]] = await fake(4.3, true).tiled.predict(crop, [local], { tileSize: 0, tileHalo: 0 })
    const placed = { ...plain.mask, x0: plain.mask.x0 + left, y0: plain.mask.y0 + top }
    areas.add(maskArea(plain.mask))
    const [got, expected] = [masks[i][0].mask, placed].map((mask) => Buffer.from(paintMasks([mask], image)))
    assert.ok(maskArea(plain.mask) > 20 && got.equals(expected), `prompt ${i}`)
  }
  assert.ok(areas.size > 1, 'the masks depend on the pixels')
})

test('parts that are kept are encoded once, until another image comes', async () => {
  const image = places(160, 64)
  const prompts = [box(4, 20, 10, 30), box(150, 20, 156, 30)]
  const { predictor, seen } = fake(3)
  const written: number[] = []
  let reads = 0
  const embeddings = {
    ...predictor,
    embedding: async () => Float32Array.of(reads++),
    setEmbedding: ([which]: Float32Array) => void written.push(which),
  }
  const tiled = new TiledPredictor(embeddings as unknown as Predictor, null, { keepParts: true })
  const lefts = () => seen.map(({ region }) => region.left)
  await tiled.predict(image, prompts, view)
  assert.equal([lefts(), written], [[0, 96], []])
  await tiled.predict(image, prompts, view)
  assert.equal(
    [lefts(), written],
    [
      [0, 96],
      [0, 1],
    ],
  )
  await tiled.predict(image, [prompts[1]], view)
  assert.equal(
    [lefts(), written],
    [
      [0, 96],
      [0, 1],
    ],
    'the part that is held already',
  )
  await tiled.predict(places(160, 64), prompts, view)
  assert.equal([lefts(), reads], [[0, 96, 0, 96], 4], 'another image')
  tiled.forget()
  await tiled.predict(image, prompts, view)
  assert.is(seen.length, 6)
})

test('a prompt’s mask goes to its tile as the part of it that lies there', async () => {
  const image = places(200, 90)
  const { seen, predictor } = fake(4.3)
  const given: Float32Array[] = []
  const masked = {
    ...predictor,
    predictMasks(batch: PromptBatch, choose: Parameters<Predictor['predictMasks']>[1]) {
      given.push(batch.masks!.slice())
      return predictor.predictMasks(batch, choose)
    },
  }
  const tiled = new TiledPredictor(predictor as unknown as Predictor, masked as unknown as Predictor)
  // the second is wider than a tile: a larger part is shown
  for (const [x0, width] of [
    [165, 14],
    [70, 100],
  ]) {
    const mask: Mask = { x0, y0: 60, width, height: 18, data: new Uint8Array(width * 18).fill(1) }
    given.length = 0
    await tiled.predict(image, [{ ...point(172, 68), mask }], { tileSize: 80, tileHalo: 22 })
    const { region } = seen.at(-1)!
    assert.ok(region.left > 0, 'a part, not the whole image')
    const columns = Array.from({ length: SIDE }, (_, x) =>
      given.at(-1)!.some((value, i) => i % SIDE === x && value > 0),
    )
    const shown = regionSize(region)
    const scale = SIDE / Math.max(shown.width, shown.height)
    const expected = [x0 - region.left, x0 + width - region.left].map((x) => Math.round(x * scale))
    assert.equal([columns.indexOf(true), columns.lastIndexOf(true) + 1], expected)
  }
})

test('the masks that prompts refine say how large the particles are; a mask without a pixel says nothing', async () => {
  const image = places(250, 250)
  const band = { low: 10, target: 16, high: 60 }
  const limits = { magnification: 2, tiles: 300 }
  const square = (x0: number, y0: number, side: number): Mask => {
    return { x0, y0, width: side, height: side, data: new Uint8Array(side * side).fill(1) }
  }
  const masked = fake(3)
  const tiled = new TiledPredictor(masked.predictor as unknown as Predictor, masked.predictor as unknown as Predictor)
  const prompts = [square(20, 20, 8), square(200, 200, 8), square(100, 30, 8)].map((mask) => {
    return { ...point(mask.x0 + 4, mask.y0 + 4), mask }
  })
  const { view: chosen, masks } = await tiled.predictAtScale(image, prompts, { diameter: 'auto', band, limits })
  assert.ok(Math.abs(chosen.diameter! - 2 * Math.sqrt(64 / Math.PI)) < 1e-9, 'that of a disc with as many pixels')
  assert.is(chosen.tileSize, 36)
  assert.ok(
    masked.seen.every(({ region }) => regionSize(region).width < 250),
    'the whole image is not looked at',
  )
  assert.equal(
    masks.map(([{ region }]) => regionSize(region).width),
    [36, 36, 36],
  )
  const empty: ImagePrompt = { ...point(200, 200), mask: square(0, 0, 0) }
  const [[{ region }]] = await tiled.predict(image, [empty], { tileSize: 80, tileHalo: 22 })
  assert.ok(region.left > 0 && regionSize(region).width < 250, 'its prompt’s own tile')
})

const contains = ({ left, top, right, bottom }: Region, { x0, y0, width, height }: Mask) =>
  x0 >= left && y0 >= top && x0 + width <= right && y0 + height <= bottom

test.run()
