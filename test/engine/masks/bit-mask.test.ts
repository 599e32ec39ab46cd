/** @file Masks with one bit per pixel: packed, moved, and the pixels that two share, on the host and on the GPU. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OverlapCounter } from '../../../engine/generate/overlap-counter'
import { type Mask, maskBox } from '../../../engine/masks/mask'
import { countBits, movePacked, packMask, sharedPixels, unpackMask } from '../../../engine/masks/bit-mask'
import { engine } from '../../support/engine'
import { randoms } from '../../support/random'

/** Masks with sides of 1 to 90 pixels, anywhere in 300 x 200, each with its own density. */
function randomMasks(count: number, seed: number): Mask[] {
  const next = randoms(seed)
  const whole = (most: number) => Math.min(most - 1, Math.floor(((next() + 1) / 2) * most))
  return Array.from({ length: count }, (_, i) => {
    const [width, height] = i % 7 ? [1 + whole(90), 1 + whole(90)] : [1, 1]
    const share = i % 5 ? 2 * ((next() + 1) / 2) - 1 : -1
    const data = Uint8Array.from({ length: width * height }, () => (next() < share ? 1 : 0))
    return { x0: whole(300 - width), y0: whole(200 - height), width, height, data }
  })
}

const pixels = (mask: Mask): Set<number> =>
  new Set(
    [...mask.data.keys()]
      .filter((i) => mask.data[i])
      .map((i) => (mask.y0 + Math.floor(i / mask.width)) * 1000 + mask.x0 + (i % mask.width)),
  )

test('bits of a word', () => {
  for (const [word, bits] of [
    [0, 0],
    [1, 1],
    [0x80000000, 1],
    [0xffffffff, 32],
    [0x00ff00f1, 13],
  ])
    assert.is(countBits(word), bits)
})

test('packing and unpacking give the same mask', () => {
  for (const mask of randomMasks(60, 1)) assert.equal(unpackMask(packMask(mask), maskBox(mask)), mask)
})

test('a moved mask has the same pixels elsewhere', () => {
  for (const [dx, dy] of [
    [0, 0],
    [1, 0],
    [31, 5],
    [32, 0],
    [45, 100],
    [64, 1],
  ])
    for (const mask of randomMasks(20, 2)) {
      const there = { ...mask, x0: mask.x0 + dx, y0: mask.y0 + dy }
      assert.equal(unpackMask(movePacked(packMask(mask), dx, dy), maskBox(there)), there)
    }
})

const masks = randomMasks(60, 3)
const sets = masks.map(pixels)
const all: number[] = []
for (let a = 0; a < masks.length; a++) for (let b = a; b < masks.length; b++) all.push(a, b)
const expected = Array.from(
  { length: all.length / 2 },
  (_, i) => [...sets[all[2 * i]]].filter((p) => sets[all[2 * i + 1]].has(p)).length,
)
const packed = masks.map(packMask)

test('shared pixels on the host', () => {
  assert.ok(expected.filter((n) => n > 0).length > 100 && expected.includes(0))
  assert.equal(
    Array.from(expected, (_, i) => sharedPixels(packed[all[2 * i]], packed[all[2 * i + 1]])),
    expected,
  )
})

test('shared pixels on the GPU, in one batch and in several', async () => {
  for (const words of [undefined, 700]) {
    const counter = await OverlapCounter.create(engine, words)
    // twice: memory that the first count used must not matter
    await counter.count(packed, Uint32Array.from(all).reverse())
    assert.equal([...(await counter.count(packed, Uint32Array.from(all)))], expected)
    assert.equal([...(await counter.count(packed, new Uint32Array(0)))], [])
    assert.equal([...(await counter.count(packed, Uint32Array.of(3, 3)))], [sets[3].size])
    counter.destroy()
  }
})

test('masks stay on the GPU: of later counts only new masks are uploaded', async () => {
  const { write } = engine
  const uploads: number[] = []
  engine.write = (tensor, data) => {
    if (tensor.label === 'scratch: words') uploads.push(data.byteLength / 4)
    write.call(engine, tensor, data)
  }
  const counter = await OverlapCounter.create(engine, 1 << 14)
  const count = async (from: number, end: number) => {
    const pairs = all.filter((_, i) => [all[i & ~1], all[i | 1]].every((mask) => mask >= from && mask < end))
    const shared = await counter.count(packed, Uint32Array.from(pairs))
    assert.equal(
      [...shared],
      Array.from(shared, (_, i) => sharedPixels(packed[pairs[2 * i]], packed[pairs[2 * i + 1]])),
    )
  }
  const words = (from: number, end: number) => packed.slice(from, end).reduce((sum, one) => sum + one.words.length, 0)
  try {
    await count(0, 20)
    await count(5, 15)
    await count(10, 30)
    assert.equal(uploads, [words(0, 20), words(20, 30)])
  } finally {
    engine.write = write
    counter.destroy()
  }
})

test('more than a thousand masks, and one of many words', async () => {
  const many = randomMasks(1200, 4).map(packMask)
  const large = packMask({ x0: 7, y0: 0, width: 290, height: 200, data: new Uint8Array(290 * 200).fill(1) })
  const counter = await OverlapCounter.create(engine)
  const pairs = Uint32Array.from(many.flatMap((_, i) => [1200, i]))
  const got = await counter.count([...many, large], pairs)
  assert.equal(
    [...got],
    many.map((mask) => sharedPixels(mask, large)),
  )
  counter.destroy()
})

test.run()
