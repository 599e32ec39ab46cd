/** @file TIFF pages that sharp reads wrongly or not at all: planes, doubles, predictors, ImageJ's stacks; and the unpacking. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { rejects } from 'node:assert/strict'
import { deflateSync, inflateSync } from 'node:zlib'
import sharp from 'sharp'
import { Rng } from '../../../engine/rng'
import { countPages, readMicrograph } from '../../../src/images/micrograph'
import { readImage } from '../../../src/images/read-image'
import { unpack } from '../../../src/images/unpack'
import { put, refusal, scratch } from '../../support/files'
import { picture, tiffFile, type Page, type Tag } from '../../support/tiff-files'

const folder = scratch()
const rng = new Rng(4)
const [width, height] = [37, 29]
const count = width * height
let files = 0
const file = (bytes: Uint8Array) => put(join(folder, `${++files}.tif`), bytes)
const read = async (page: Page, options = {}) => readImage(file(tiffFile([page], options)))
const planes: Tag = { tag: 284, type: 3, values: [2] }

/** Rows of a plane in strips of a few rows. */
const strips = (bytes: Buffer, rowBytes: number, rows: number) =>
  Array.from({ length: Math.ceil(bytes.length / (rowBytes * rows)) }, (_, i) =>
    bytes.subarray(i * rows * rowBytes, (i + 1) * rows * rowBytes),
  )
const withRows = (tags: Tag[], rows: number) => [...tags.filter(({ tag }) => tag !== 278), { tag: 278, values: [rows] }]

test('gray planes one after the other: the first is read, in strips of any height and in tiles', async () => {
  for (const samples of [2, 3, 5])
    for (const rows of [1, 8, height])
      for (const compression of [1, 8]) {
        const wide = Array.from({ length: samples }, () => Uint16Array.from({ length: count }, () => rng.int(65536)))
        const pack = (bytes: Buffer) => (compression === 8 ? deflateSync(bytes) : bytes)
        const data = wide.flatMap((plane) => strips(Buffer.from(plane.buffer), 2 * width, rows).map(pack))
        const tags = withRows(picture(width, height, 16, { samples, photometric: 1, compression }), rows)
        const image = await read({ tags: [...tags, planes], data })
        assert.equal([image.channels, image.data], [1, wide[0]], `${samples} ${rows} ${compression}`)
      }
  const narrow = [0, 1].map(() => Uint8Array.from({ length: 32 * 32 }, () => rng.int(256)))
  const tile = (plane: Uint8Array, tx: number, ty: number) =>
    Buffer.from(Array.from({ length: 256 }, (_, i) => plane[(16 * ty + (i >> 4)) * 32 + 16 * tx + (i & 15)]))
  const tiles = narrow.flatMap((plane) => [0, 1, 2, 3].map((i) => tile(plane, i & 1, i >> 1)))
  const size: Tag[] = [322, 323].map((tag) => ({ tag, values: [16] }))
  const tags = picture(32, 32, 8, { samples: 2, photometric: 1 }).filter(({ tag }) => tag !== 278)
  assert.equal((await read({ tags: [...tags, ...size, planes], tiled: true, data: tiles })).data, narrow[0])
  // min-is-white planes are inverted as single ones are
  const white = picture(32, 32, 8, { samples: 2, photometric: 0 })
  const inverted = await read({ tags: [...white, planes], data: narrow.map((plane) => Buffer.from(plane)) })
  assert.equal(
    inverted.data,
    narrow[0].map((v) => 255 - v),
  )
})

test('what sharp refuses and can be read all the same: no colour space, no such orientation, missing strips', async () => {
  const gray = Uint8Array.from({ length: count }, () => rng.int(256))
  const tags = picture(width, height, 8)
  const without = (tag: number, from = tags) => from.filter((one) => one.tag !== tag)
  for (const orientation of [0, 9]) {
    const turned: Tag[] = [...tags, { tag: 274, type: 3, values: [orientation] }]
    assert.equal((await read({ tags: turned, data: [gray] })).data, gray, `orientation ${orientation}`)
  }
  assert.equal((await read({ tags: without(262), data: [gray] })).data, gray)
  const colours = Uint8Array.from({ length: 3 * count }, () => rng.int(256))
  const rgb = await read({ tags: without(262, picture(width, height, 8, { samples: 3 })), data: [colours] })
  assert.equal([rgb.channels, rgb.data], [3, colours])

  // GDAL leaves out blocks without data: offset and byte count are 0
  const rows = 10
  const data = strips(Buffer.from(gray), width, rows)
  const numbers = (values: number[]) => Buffer.from(Uint32Array.from(values).buffer)
  const sparse = (missing: number[], more: Tag[] = []) => {
    const bytes = tiffFile([{ tags: [...withRows(tags, rows), ...more], data }])
    const places = bytes.indexOf(numbers(data.map((strip) => bytes.indexOf(strip))))
    const counts = bytes.indexOf(numbers(data.map((strip) => strip.length)))
    for (const i of missing) for (const list of [places, counts]) bytes.writeUInt32LE(0, list + 4 * i)
    return file(bytes)
  }
  const blank = (value: number) => gray.map((v, i) => (i >= rows * width && i < 2 * rows * width ? value : v))
  assert.equal((await readImage(sparse([1]))).data, blank(0))
  const marked = await readImage(sparse([1], [{ tag: 42113, values: '7' }]))
  assert.equal([marked.nodata, marked.data], [7, blank(7)])
  assert.match(await refusal(readImage(sparse([0, 1, 2]))), /none of its strips or tiles is in the file/)
})

/** The differences of rows of floats, as TIFF's predictor 3 stores them. */
function floatPredictor(values: Buffer, size: number): Buffer {
  const out = Buffer.alloc(values.length)
  const [rowBytes] = [size * width]
  for (let row = 0; row < values.length; row += rowBytes) {
    for (let i = 0; i < width; i++)
      for (let b = 0; b < size; b++) out[row + b * width + i] = values[row + i * size + (size - 1 - b)]
    for (let i = rowBytes - 1; i > 0; i--) out[row + i] -= out[row + i - 1]
  }
  return out
}

test('doubles and half floats with predictors, compressed, in tiles, in either byte order', async () => {
  const doubles = Float64Array.from({ length: count }, () => rng.normal())
  const expected = Float32Array.from(doubles)
  const bytes = Buffer.from(doubles.buffer)
  const tags = (bits: number, predictor: number) => [
    ...picture(width, height, bits, { format: 3, compression: 8 }),
    { tag: 317, type: 3, values: [predictor] },
  ]
  assert.equal((await read({ tags: tags(64, 1), data: [deflateSync(bytes)] })).data, expected)
  assert.equal((await read({ tags: tags(64, 3), data: [deflateSync(floatPredictor(bytes, 8))] })).data, expected)
  // half floats of whole numbers up to 2048 are exact
  const numbers = Array.from({ length: count }, () => rng.int(1024) + 1024)
  const half = Buffer.from(Uint16Array.from(numbers, (v) => 0x6400 + (v - 1024)).buffer)
  for (const bigEndian of [false, true]) {
    const data = [deflateSync(floatPredictor(half, 2))]
    assert.equal([...(await read({ tags: tags(16, 3), data }, { bigEndian })).data], numbers)
  }
  const tile = Buffer.alloc(8 * 48 * 48)
  doubles.forEach((v, i) => tile.writeDoubleLE(v, 8 * (Math.floor(i / width) * 48 + (i % width))))
  const size: Tag[] = [322, 323].map((tag) => ({ tag, values: [48] }))
  const tiled = picture(width, height, 64, { format: 3 }).filter(({ tag }) => tag !== 278)
  assert.equal((await read({ tags: [...tiled, ...size], tiled: true, data: [tile] })).data, expected)
  // signed 16 bits, differences of rows, either order
  const signed = Int16Array.from({ length: count }, () => rng.int(65536) - 32768)
  for (const bigEndian of [false, true]) {
    const differences = Buffer.alloc(2 * count)
    signed.forEach((v, i) => {
      const word = (i % width ? v - signed[i - 1] : v) & 0xffff
      if (bigEndian) differences.writeUInt16BE(word, 2 * i)
      else differences.writeUInt16LE(word, 2 * i)
    })
    const s16 = [...picture(width, height, 16, { format: 2, compression: 8 }), { tag: 317, type: 3, values: [2] }]
    assert.equal([...(await read({ tags: s16, data: [deflateSync(differences)] }, { bigEndian })).data], [...signed])
  }
})

test('unpacking: LZW and PackBits as libtiff writes them, damage, bombs', async () => {
  for (const values of [
    Uint8Array.from({ length: 300 * 200 }, () => rng.int(256)),
    Uint8Array.from({ length: 300 * 200 }, (_, i) => (i % 300) >> 4),
    new Uint8Array(300 * 200),
  ])
    for (const [compression, number] of [
      ['lzw', 5],
      ['packbits', 32773],
      ['deflate', 8],
    ] as const) {
      const tiff = await sharp(values, { raw: { width: 300, height: 200, channels: 1 } })
        .toColourspace('b-w')
        .tiff({ compression, predictor: 'none' })
        .toBuffer()
      assert.equal(Uint8Array.from(await unpackAll(tiff, number)), values, compression)
    }
  await rejects(unpack(Buffer.from([0x80, 0x5f, 0xff]), 5, 100, inflate), /LZW codes are wrong|fewer values/)
  await rejects(unpack(Buffer.from([0, 1, 2]), 5, 100, inflate), /before TIFF 6.0/)
  await rejects(unpack(Buffer.from([5, 1, 2]), 32773, 100, inflate), /fewer values/)
  await rejects(unpack(deflateSync(Buffer.alloc(10_000_000)), 8, 100, inflate), /cannot be unpacked/)
  for (let round = 0; round < 500; round++) {
    const noise = Buffer.from(Array.from({ length: 200 }, () => rng.int(256)))
    for (const compression of [5, 8, 32773])
      try {
        assert.is((await unpack(noise, compression, 1000, inflate)).length, 1000)
      } catch (error) {
        assert.match((error as Error).message, /^the TIFF is|^LZW of before/)
      }
  }
})

const inflate = (bytes: Uint8Array, most: number) => inflateSync(bytes, { maxOutputLength: most })

/** The unpacked strips of a little-endian classic TIFF of one page. */
async function unpackAll(tiff: Buffer, compression: number): Promise<Uint8Array> {
  const at = tiff.readUInt32LE(4)
  const tag = (wanted: number): number[] => {
    for (let i = 0; i < tiff.readUInt16LE(at); i++) {
      const entry = at + 2 + 12 * i
      if (tiff.readUInt16LE(entry) !== wanted) continue
      const [type, n] = [tiff.readUInt16LE(entry + 2), tiff.readUInt32LE(entry + 4)]
      const size = type === 3 ? 2 : 4
      const from = n * size <= 4 ? entry + 8 : tiff.readUInt32LE(entry + 8)
      return Array.from({ length: n }, (_, k) => tiff.readUIntLE(from + k * size, size))
    }
    return []
  }
  const [[w], [h], [rows], counts] = [256, 257, 278, 279].map(tag)
  const strips = tag(273).map((from, i) =>
    unpack(tiff.subarray(from, from + counts[i]), compression, w * Math.min(rows, h - i * rows), inflate),
  )
  return Buffer.concat(await Promise.all(strips))
}

test('an ImageJ stack with one directory is read whole; missing slices are reported', async () => {
  const slices = Array.from({ length: 5 }, () => Uint16Array.from({ length: count }, () => rng.int(65536)))
  for (const bigEndian of [false, true]) {
    const bytes = slices.map((slice) => {
      const buffer = Buffer.from(Uint16Array.from(slice).buffer)
      return bigEndian ? buffer.swap16() : buffer
    })
    const description = { tag: 270, values: 'ImageJ=1.53t\nimages=5\nslices=5\nunit=micron\n' }
    const tags = [...picture(width, height, 16), description, { tag: 273, values: [4096] }]
    const head = tiffFile([{ tags: [...tags, { tag: 279, values: [2 * count] }] }], { bigEndian })
    const stack = Buffer.concat([head, Buffer.alloc(4096 - head.length), ...bytes])
    const path = file(stack)
    assert.is(await countPages(path), 5)
    for (const [page, slice] of slices.entries()) assert.equal((await readImage(path, { page })).data, slice)
    assert.match(await refusal(readImage(path, { page: 5 })), /it has 5 pages/)
    const short = file(stack.subarray(0, 4096 + 3 * 2 * count))
    const { pages, remarks } = await readMicrograph(short)
    assert.is(pages, 3)
    assert.match(remarks.join(), /ImageJ.* 5 images.* 3 /)
  }
})

test('the orientation tag turns the pixels of TIFF, JPEG, PNG and WebP', async () => {
  // the stored rows of an upright F of 3 x 4 pixels, for each orientation
  const upright = [1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0].map((v) => 200 * v)
  const [w, h] = [3, 4]
  const get = (x: number, y: number) => upright[y * w + x]
  const stored: [number, number, (x: number, y: number) => number][] = [
    [w, h, (x, y) => get(x, y)],
    [w, h, (x, y) => get(w - 1 - x, y)],
    [w, h, (x, y) => get(w - 1 - x, h - 1 - y)],
    [w, h, (x, y) => get(x, h - 1 - y)],
    [h, w, (x, y) => get(y, x)],
    [h, w, (x, y) => get(w - 1 - y, x)],
    [h, w, (x, y) => get(w - 1 - y, h - 1 - x)],
    [h, w, (x, y) => get(y, h - 1 - x)],
  ]
  for (const [i, [sw, sh, at]] of stored.entries()) {
    const orientation = i + 1
    const values = Uint8Array.from({ length: sw * sh }, (_, k) => at(k % sw, Math.floor(k / sw)))
    // sharp, which turns by the same tag, must agree with these rows
    const raw = () => sharp(values, { raw: { width: sw, height: sh, channels: 1 } }).toColourspace('b-w')
    const png = await raw().withMetadata({ orientation }).png().toBuffer()
    const turned = await sharp(png, { autoOrient: true }).toColourspace('b-w').raw().toBuffer()
    assert.equal([...turned], upright, `sharp, ${orientation}`)
    const tags = [...picture(sw, sh, 8), { tag: 274, type: 3, values: [orientation] }]
    const tiff = tiffFile([{ tags, data: [Buffer.from(values)] }])
    const webp = await raw().withMetadata({ orientation }).webp({ lossless: true }).toBuffer()
    for (const [name, bytes] of Object.entries({ png, tiff, webp })) {
      const image = await readImage(file(bytes))
      assert.equal([image.width, image.height, image.orientation], [w, h, i ? orientation : undefined], name)
      assert.equal(
        [...image.data].filter((_, k) => k % image.channels === 0),
        upright,
        `${name} ${orientation}`,
      )
    }
    const jpeg = await raw().withMetadata({ orientation }).jpeg({ quality: 100 }).toBuffer()
    const image = await readImage(file(jpeg))
    assert.ok(
      upright.every((v, k) => Math.abs(v - image.data[k * image.channels]) < 60),
      `jpeg ${orientation}`,
    )
  }
})

test.run()
