import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { Rng } from '../../../engine/rng'
import { readImage } from '../../../src/images/read-image'
import { writePng } from '../../../src/images/png-writer'
import { toRGB8, withoutData } from '../../../src/images/rgb8'
import { put, refusal, scratch } from '../../support/files'
import { testNeedingShared } from '../../support/needs'

const folder = scratch()
const at = (name: string) => join(folder, name)
const rng = new Rng(1)
const [width, height] = [37, 23]
const gray = Uint8Array.from({ length: width * height }, () => rng.int(256))
const wide = Uint16Array.from({ length: width * height }, () => rng.int(65536))
const rgb = Uint8Array.from({ length: width * height * 3 }, () => rng.int(256))
const of = (data: Uint8Array | Uint16Array | Float32Array, channels: 1 | 2 | 3 | 4) =>
  sharp(data, { raw: { width, height, channels } })

test('8 and 16 bits, gray and colour, come back exactly from every lossless format', async () => {
  const files: [string, Sharp, ArrayLike<number>, number, number][] = [
    ['g.png', of(gray, 1).toColourspace('b-w').png(), gray, 1, 8],
    ['g.tif', of(gray, 1).toColourspace('b-w').tiff({ compression: 'lzw' }), gray, 1, 8],
    [
      'tiled.tif',
      of(gray, 1).toColourspace('b-w').tiff({ compression: 'lzw', tile: true, tileWidth: 16, tileHeight: 16 }),
      gray,
      1,
      8,
    ],
    ['w.png', of(wide, 1).toColourspace('grey16').png(), wide, 1, 16],
    ['w.tiff', of(wide, 1).toColourspace('grey16').tiff({ compression: 'deflate' }), wide, 1, 16],
    ['c.png', of(rgb, 3).png(), rgb, 3, 8],
    ['c.TIF', of(rgb, 3).tiff({ compression: 'none' }), rgb, 3, 8],
    ['c.webp', of(rgb, 3).webp({ lossless: true }), rgb, 3, 8],
  ]
  for (const [name, picture, data, channels, depth] of files) {
    put(at(name), await picture.toBuffer())
    const image = await readImage(at(name))
    assert.equal([image.width, image.height, image.channels, image.depth], [width, height, channels, depth], name)
    assert.ok(
      image.data.every((value, i) => value === data[i]),
      name,
    )
  }
})

test('JPEG is read approximately, and gray stays gray', async () => {
  const smooth = gray.map((_, i) => 2 * (i % width) + Math.floor(i / width))
  put(at('g.jpg'), await of(smooth, 1).toColourspace('b-w').jpeg({ quality: 95 }).toBuffer())
  const image = await readImage(at('g.jpg'))
  assert.is(image.channels, 1)
  assert.ok(smooth.every((value, i) => Math.abs(value - image.data[i]) < 8))
})

test('float TIFF keeps its values, alpha is dropped, palettes are applied', async () => {
  const floats = Float32Array.from({ length: width * height }, (_, i) => i / 7 - 50)
  put(at('float.tif'), floatTiff(floats))
  const image = await readImage(at('float.tif'))
  assert.equal([image.depth, image.channels], [32, 1])
  assert.ok(image.data.every((value, i) => value === floats[i]))

  const rgba = Uint8Array.from({ length: width * height * 4 }, (_, i) => (i % 4 === 3 ? 7 : rgb[i]))
  put(at('a.png'), await of(rgba, 4).png().toBuffer())
  const opaque = await readImage(at('a.png'))
  assert.is(opaque.channels, 3)
  assert.ok(opaque.data.every((value, i) => value === rgba[Math.floor(i / 3) * 4 + (i % 3)]))

  const few = rgb.map((v) => (v > 127 ? 255 : 0))
  put(at('p.png'), await of(few, 3).png({ palette: true, colours: 8, dither: 0 }).toBuffer())
  assert.ok((await readImage(at('p.png'))).data.every((value, i) => value === few[i]))
})

/** A minimal little-endian TIFF of one float strip. */
function floatTiff(values: Float32Array): Uint8Array {
  const entries = [
    [256, width],
    [257, height],
    [258, 32],
    [259, 1],
    [262, 1],
    [273, 8],
    [277, 1],
    [278, height],
    [279, values.byteLength],
    [339, 3],
  ]
  const file = Buffer.alloc(8 + values.byteLength + 2 + entries.length * 12 + 4)
  file.write('II*\0', 'latin1')
  file.writeUInt32LE(8 + values.byteLength, 4)
  Buffer.from(values.buffer).copy(file, 8)
  let to = file.writeUInt16LE(entries.length, 8 + values.byteLength)
  for (const [tag, value] of entries) {
    to = file.writeUInt16LE(tag, to)
    to = file.writeUInt16LE(4, to)
    to = file.writeUInt32LE(1, to)
    to = file.writeUInt32LE(value, to)
  }
  return file
}

/** A bitmap of 3 x 2 pixels of the given bits; rows as stored. */
function bmp(bits: number, rows: number[][], { topDown = false, compression = 0, palette = [] as number[] } = {}) {
  const stride = Math.ceil((3 * bits) / 32) * 4
  const start = 54 + palette.length
  const file = Buffer.alloc(start + stride * 2)
  file.write('BM')
  file.writeUInt32LE(start, 10)
  file.writeUInt32LE(40, 14)
  file.writeInt32LE(3, 18)
  file.writeInt32LE(topDown ? -2 : 2, 22)
  file.writeUInt16LE(bits, 28)
  file.writeUInt32LE(compression, 30)
  file.writeUInt32LE(palette.length / 4, 46)
  file.set(palette, 54)
  rows.forEach((row, y) => file.set(row, start + y * stride))
  return file
}

test('BMP: palette, 24 and 32 bits, bottom-up and top-down', async () => {
  const read = async (file: Uint8Array) => readImage(put(at('x.bmp'), file))
  const inverse = [255, 255, 255, 0, 100, 100, 100, 0, 0, 0, 0, 0]
  const rows = [
    [0, 1, 2],
    [2, 2, 1],
  ]
  const gray8 = await read(bmp(8, rows, { palette: inverse }))
  assert.equal([gray8.channels, ...gray8.data], [1, 0, 0, 100, 255, 100, 0])
  assert.equal([...(await read(bmp(8, rows, { palette: inverse, topDown: true }))).data], [255, 100, 0, 0, 0, 100])
  const colour = await read(bmp(8, rows, { palette: [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0], topDown: true }))
  assert.equal([colour.channels, ...colour.data.subarray(0, 9)], [3, 3, 2, 1, 6, 5, 4, 9, 8, 7])
  const bgr = [
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [10, 11, 12, 13, 14, 15, 16, 17, 18],
  ]
  const flat = [12, 11, 10, 15, 14, 13, 18, 17, 16, 3, 2, 1, 6, 5, 4, 9, 8, 7]
  assert.equal([...(await read(bmp(24, bgr))).data], flat)
  const bgra = bgr.map((row) => [0, 3, 6].flatMap((i) => [...row.slice(i, i + 3), 99]))
  assert.equal([...(await read(bmp(32, bgra))).data], flat)
})

test('a BMP that is truncated, compressed, empty or hostile is refused with the reason', async () => {
  const good = bmp(24, [[1, 2, 3, 4, 5, 6, 7, 8, 9]])
  const changed = (place: number, value: number) => {
    const file = Buffer.from(good)
    file.writeInt32LE(value, place)
    return file
  }
  const cases: [Uint8Array, RegExp][] = [
    [good.subarray(0, 60), /truncated/],
    [good.subarray(0, 20), /truncated/],
    [changed(30, 1), /RLE8/],
    [changed(28, 16), /16 bits per pixel/],
    [changed(18, 0), /0x2/],
    [changed(18, -5), /is empty/],
    [changed(18, 0x7fffffff), /million/],
    [changed(18, 10000), /truncated/],
    [changed(10, 0x7fffffff), /truncated/],
    [bmp(8, [[5, 5, 5]], { palette: [0, 0, 0, 0] }), /colour index 5/],
  ]
  for (const [file, reason] of cases) {
    const message = await refusal(readImage(put(at('bad.bmp'), file)))
    assert.match(message, reason)
    assert.ok(message.includes(at('bad.bmp')))
  }
})

test('unreadable files are refused with their names', async () => {
  const noise = Uint8Array.from({ length: 200 * 200 }, () => rng.int(256))
  const big = sharp(noise, { raw: { width: 200, height: 200, channels: 1 } }).toColourspace('b-w')
  for (const [name, buffer] of [
    ['cut.png', await big.clone().png().toBuffer()],
    ['cut.tif', await big.clone().tiff({ compression: 'none' }).toBuffer()],
    ['cut.jpg', await big.clone().jpeg().toBuffer()],
  ] as const)
    assert.match(await refusal(readImage(put(at(name), buffer.subarray(0, buffer.length / 2)))), name)
  assert.match(await refusal(readImage(put(at('empty.png'), ''))), /empty.png: the file is empty/)
  assert.match(await refusal(readImage(put(at('text.png'), 'hello world, I am no picture'))), /text.png/)
  assert.match(await refusal(readImage(at('none.png'))), /none.png: there is no such file/)
  assert.match(await refusal(readImage(folder)), /it is a folder/)
  await writePng(at('limit.png'), { width, height, channels: 1, data: gray })
  assert.match(await refusal(readImage(at('limit.png'), { maxPixels: 800 })), /limit.png: 37x23 pixels are more/)
})

test('a header that claims a giant image is refused before memory is allocated', async () => {
  const png = await of(gray, 1).toColourspace('b-w').png().toBuffer()
  png.writeUInt32BE(60000, 16)
  png.writeUInt32BE(60000, 20)
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  assert.match(await refusal(readImage(put(at('bomb.png'), png))), /bomb.png: 60000x60000 pixels are more/)
})

function crc32(data: Uint8Array): number {
  let crc = -1
  for (const byte of data) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return ~crc >>> 0
}

test('to 8-bit RGB: bytes as they are, wider values between their percentiles', () => {
  const bytes = toRGB8({ width: 3, height: 1, channels: 1, depth: 8, data: Uint8Array.of(0, 9, 255) })
  assert.equal([...bytes], [0, 0, 0, 9, 9, 9, 255, 255, 255])
  const ramp = Uint16Array.from({ length: 10001 }, (_, i) => 20000 + i)
  ramp[0] = 0 // two outliers among ten thousand do not matter
  ramp[10000] = 65535
  const stretched = toRGB8({ width: 10001, height: 1, channels: 1, depth: 16, data: ramp })
  assert.equal([stretched[0], stretched[30000]], [0, 255])
  assert.ok(Math.abs(stretched[15000] - 127.5) <= 1)
  const odd = Float32Array.of(NaN, Infinity, -Infinity, -1, 1)
  const safe = toRGB8({ width: 5, height: 1, channels: 1, depth: 32, data: odd })
  assert.equal([safe[0], safe[3], safe[6], safe[9], safe[12]], [0, 255, 0, 0, 255])
  for (const value of [0, 7, NaN]) {
    const flat = new Float32Array(4).fill(value)
    assert.equal([...toRGB8({ width: 2, height: 2, channels: 1, depth: 32, data: flat })], new Array(12).fill(0))
  }
})

test('pixels without data take no part in the contrast', async () => {
  const values = Float32Array.from({ length: 400 }, (_, i) => i / 399)
  const image = (data: Float32Array | Uint16Array, more = {}) =>
    ({ width: 20, height: 20, channels: 1, depth: data instanceof Uint16Array ? 16 : 32, data, ...more }) as const
  const plain = toRGB8(image(values))
  const holes = (...marks: number[]) => values.map((v, i) => (i % 20 < marks.length ? marks[i % 20] : v))
  const whole = (rgb: Uint8Array) => Math.max(...rgb.map((v, i) => ((i / 3) % 20 >= 2 ? Math.abs(v - plain[i]) : 0)))
  for (const [data, more, found] of [
    [holes(-9999), { nodata: -9999 }, [-9999]],
    [holes(-9999), {}, [-9999]],
    [holes(1e30), {}, [Math.fround(1e30)]],
    [holes(-3e38, 3e38), {}, [Math.fround(-3e38), Math.fround(3e38)]],
    // a mark among the values is known by the tag only
    [holes(0.5), { nodata: 0.5 }, [0.5]],
  ] as const) {
    const given = image(data, more)
    assert.ok(whole(toRGB8(given)) <= 2, `${found}`)
    assert.equal(withoutData(given).values, [...found])
    assert.ok(Math.abs(withoutData(given).share - found.length / 20) < 0.01)
  }
  assert.is(toRGB8(image(holes(-9999), { nodata: -9999 }))[0], 0)
  // two gray values are an image, and so are values that are only far apart
  for (const data of [values.map((v) => +(v > 0.5)), values.map((v) => (v > 0.9 ? 50 : v))])
    assert.is(withoutData(image(data)).share, 0)
  const wide = Uint16Array.from(values, (v, i) => (i % 20 ? 30_000 + 200 * v : 0))
  assert.equal(withoutData(image(wide)).values, [0])
  // the largest 16-bit value beside much smaller ones is a mark, beside values up to it saturation
  const marked = (high: number) => Uint16Array.from(values, (v, i) => (i % 20 ? high * v : 65535))
  assert.equal(withoutData(image(marked(2000))).values, [65535])
  assert.ok(whole(toRGB8(image(marked(2000)))) <= 2)
  for (const high of [8000, 65535]) assert.equal(withoutData(image(marked(high))).values, [])
})

test('a PNG is written exactly: 1x1, colour, alpha, all 65,536 values', async () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
  await writePng(at('all.png'), { width: 256, height: 256, channels: 1, data: all })
  assert.ok((await readImage(at('all.png'))).data.every((value, i) => value === i))
  await writePng(at('one.png'), { width: 1, height: 1, channels: 1, data: Uint8Array.of(77) })
  assert.equal((await readImage(at('one.png'))).data, Uint8Array.of(77))
  await writePng(at('rgba.png'), { width: 1, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 128) })
  assert.equal((await readImage(at('rgba.png'))).data, Uint8Array.of(1, 2, 3))
  let message = ''
  await writePng(at('no.png'), { width: 2, height: 2, channels: 1, data: gray }).catch((e) => (message = e.message))
  assert.match(message, /4 values|2x2x1 values expected, 851/)
  assert.not.ok(readdirSync(folder).some((name) => name.endsWith('.part') || name === 'no.png'))
})

const samples = '../shared/data/format_samples'
testNeedingShared(samples)('bitmaps of a real microscope go through their palettes', async () => {
  for (const name of ['jeol_8bit_gray_footer.bmp', 'jeol_8bit_palette_footer.bmp']) {
    const image = await readImage(join(samples, name))
    assert.equal([image.width, image.height], [1280, 1024])
    const file = readFileSync(join(samples, name))
    const first = file[file.readUInt32LE(10) + 1023 * 1280] // bottom-up: the last row stored is the top
    assert.is(image.data[0], file[54 + 4 * first + 2])
  }
})

test.run()
