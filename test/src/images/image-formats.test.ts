import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { Rng } from '../../../engine/rng'
import { readImage } from '../../../src/images/read-image'
import { put, refusal, scratch } from '../../support/files'
import { picture, tiffFile, type Page } from '../../support/tiff-files'

const folder = scratch()
const rng = new Rng(2)
const [width, height] = [5, 3]
const count = width * height
const ramp = Array.from({ length: count }, (_, i) => i)

/** Numbers as the bytes of a TIFF's strip. */
function bytes(values: ArrayLike<number>, kind: 'u8' | 'u16' | 'u32' | 'f32' | 'f64', bigEndian = false): Buffer {
  const size = { u8: 1, u16: 2, u32: 4, f32: 4, f64: 8 }[kind]
  const buffer = Buffer.alloc(size * values.length)
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  for (let i = 0; i < values.length; i++) {
    if (kind === 'u8') view.setUint8(i, values[i])
    else if (kind === 'u16') view.setUint16(2 * i, values[i], !bigEndian)
    else if (kind === 'u32') view.setUint32(4 * i, values[i], !bigEndian)
    else if (kind === 'f32') view.setFloat32(4 * i, values[i], !bigEndian)
    else view.setFloat64(8 * i, values[i], !bigEndian)
  }
  return buffer
}

let files = 0
const read = (file: Uint8Array, page?: number) => readImage(put(join(folder, `${++files}.tif`), file), { page })
const one = (page: Page, options = {}) => read(tiffFile([page], options))

async function check(page: Page, expected: ArrayLike<number>, channels: number, depth: number, options = {}) {
  const image = await one(page, options)
  assert.equal([image.width, image.height, image.channels, image.depth], [width, height, channels, depth])
  assert.equal([...image.data], Array.from(expected))
}

test('gray TIFFs of every kind keep their values', async () => {
  const u8 = ramp.map((i) => i * 17)
  const u16 = ramp.map((i) => i * 4000)
  const s16 = ramp.map((i) => i * 4000 - 30000)
  const u32 = ramp.map((i) => i * 2 ** 24)
  for (const bigEndian of [false, true])
    for (const big of [false, true]) {
      const options = { bigEndian, big }
      const gray = (bits: number, format: number, data: Buffer) => ({
        tags: picture(width, height, bits, { format }),
        data: [data],
      })
      await check(gray(8, 1, bytes(u8, 'u8')), u8, 1, 8, options)
      await check(
        gray(8, 2, bytes(u8, 'u8')),
        u8.map((v) => (v > 127 ? v - 256 : v)),
        1,
        32,
        options,
      )
      await check(gray(16, 1, bytes(u16, 'u16', bigEndian)), u16, 1, 16, options)
      await check(gray(16, 2, bytes(s16, 'u16', bigEndian)), s16, 1, 32, options)
      await check(gray(32, 1, bytes(u32, 'u32', bigEndian)), u32, 1, 32, options)
      await check(
        gray(
          32,
          2,
          bytes(
            u32.map((v) => -v),
            'u32',
            bigEndian,
          ),
        ),
        u32.map((v) => 0 - v),
        1,
        32,
        options,
      )
      const float = ramp.map((i) => Math.fround(i / 7 - 1))
      await check(gray(32, 3, bytes(float, 'f32', bigEndian)), float, 1, 32, options)
      await check(
        gray(
          64,
          3,
          bytes(
            ramp.map((i) => i / 7 - 1),
            'f64',
            bigEndian,
          ),
        ),
        float,
        1,
        32,
        options,
      )
    }
})

test('half floats, including the smallest, the largest, infinities and NaN', async () => {
  const codes = [0, 0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0x8400, 0x7c00, 0xfc00]
  const values = [0, 1, -2, 0.5, 65504, 2 ** -24, -(2 ** -14), Infinity, -Infinity]
  const image = await one({ tags: picture(9, 1, 16, { format: 3 }), data: [bytes(codes, 'u16')] })
  assert.equal([image.depth, ...image.data], [32, ...values])
})

test('1, 2 and 4 bits, min-is-white, palettes', async () => {
  const packed = (bits: number, ...rows: number[]) => ({
    tags: picture(width, height, bits),
    data: [Buffer.from(rows)],
  })
  const ones = [255, 0, 255, 0, 0, 0, 255, 0, 255, 0, 255, 255, 255, 255, 255]
  await check(packed(1, 0b10100000, 0b01010000, 0xff), ones, 1, 8)
  await check(
    packed(2, 0x1b, 0, 0x50, 0, 0xff, 0xff),
    [0, 85, 170, 255, 0, 85, 85, 0, 0, 0, 255, 255, 255, 255, 255],
    1,
    8,
  )
  await check(
    packed(4, 0x01, 0x23, 0x40, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xe0),
    ramp.map((i) => 17 * i),
    1,
    8,
  )
  const inverse = (bits: number) => picture(width, height, bits, { photometric: 0 })
  await check(
    { tags: inverse(8), data: [bytes(ramp, 'u8')] },
    ramp.map((i) => 255 - i),
    1,
    8,
  )
  await check(
    { tags: inverse(16), data: [bytes(ramp, 'u16')] },
    ramp.map((i) => 65535 - i),
    1,
    16,
  )

  const map = (colour: (i: number, c: number) => number) => ({
    tag: 320,
    type: 3,
    values: [0, 1, 2].flatMap((c) => Array.from({ length: 256 }, (_, i) => 257 * colour(i, c))),
  })
  const palette = (colour: (i: number, c: number) => number) => ({
    tags: [...picture(width, height, 8, { photometric: 3 }), map(colour)],
    data: [bytes(ramp, 'u8')],
  })
  await check(
    palette((i) => 255 - i),
    ramp.map((i) => 255 - i),
    1,
    8,
  )
  await check(
    palette((i, c) => (i * (c + 1)) % 256),
    ramp.flatMap((i) => [i, 2 * i, 3 * i]),
    3,
    8,
  )
})

test('colours: 8 and 16 bits, alpha dropped, planes one after the other; of several gray channels the first', async () => {
  const of = (bits: number, samples: number, extra: Page['tags'] = [], photometric?: number) => [
    ...picture(width, height, bits, { samples, photometric }),
    ...extra,
  ]
  const rgb = Array.from({ length: 3 * count }, () => rng.int(256))
  const rgb16 = Array.from({ length: 3 * count }, () => rng.int(65536))
  await check({ tags: of(8, 3), data: [bytes(rgb, 'u8')] }, rgb, 3, 8)
  await check({ tags: of(16, 3), data: [bytes(rgb16, 'u16')] }, rgb16, 3, 16)
  const rgba = rgb.flatMap((v, i) => (i % 3 === 2 ? [v, 7] : [v]))
  await check({ tags: of(8, 4), data: [bytes(rgba, 'u8')] }, rgb, 3, 8)
  const planar = { tag: 284, type: 3, values: [2] }
  const planes = [0, 1, 2].map((c) =>
    bytes(
      rgb16.filter((_, i) => i % 3 === c),
      'u16',
    ),
  )
  await check({ tags: of(16, 3, [planar]), data: planes }, rgb16, 3, 16)
  const two = ramp.flatMap((i) => [i, 99])
  await check({ tags: of(8, 2, [{ tag: 338, type: 3, values: [2] }], 1), data: [bytes(two, 'u8')] }, ramp, 1, 8)
  // the same without the tag that names the extra channel, as some programs leave it
  await check({ tags: of(8, 2, [], 1), data: [bytes(two, 'u8')] }, ramp, 1, 8)
})

test('compressions and tiles keep 16-bit values, signed ones too', async () => {
  const [w, h] = [70, 50]
  const data = Uint16Array.from({ length: w * h }, () => rng.int(65536))
  const picture16 = () => sharp(data, { raw: { width: w, height: h, channels: 1 } }).toColourspace('grey16')
  for (const compression of ['none', 'lzw', 'deflate', 'packbits'] as const)
    for (const tile of [false, true])
      for (const predictor of ['none', 'horizontal'] as const) {
        const file = await picture16().tiff({ compression, tile, tileWidth: 16, tileHeight: 16, predictor }).toBuffer()
        assert.equal((await read(file)).data, data, `${compression} ${tile} ${predictor}`)
      }
  const signed = ramp.map((i) => -1000 * i)
  const packed = deflateSync(bytes(signed, 'u16'))
  await check(
    { tags: picture(width, height, 16, { format: 2, compression: 8 }), data: [packed] },
    signed.map((v) => v + 0),
    1,
    32,
  )
})

test('JPEG inside a TIFF is read approximately', async () => {
  const smooth = Uint8Array.from({ length: 64 * 64 }, (_, i) => 2 * (i % 64) + Math.floor(i / 64))
  const file = await sharp(smooth, { raw: { width: 64, height: 64, channels: 1 } })
    .toColourspace('b-w')
    .tiff({ compression: 'jpeg', quality: 95 })
    .toBuffer()
  const image = await read(file)
  assert.is(image.channels, 1)
  assert.ok(smooth.every((value, i) => Math.abs(value - image.data[i]) < 8))
})

test('PNGs of all bit depths, interlaced too; profiles change nothing', async () => {
  const data = Uint16Array.from({ length: 33 * 17 }, () => rng.int(65536))
  const wide = sharp(data, { raw: { width: 33, height: 17, channels: 1 } }).toColourspace('grey16')
  const interlaced = put(join(folder, 'i.png'), await wide.png({ progressive: true }).toBuffer())
  assert.equal((await readImage(interlaced)).data, data)
  const colours = Uint16Array.from({ length: 33 * 17 * 3 }, () => rng.int(65536))
  const rgb16 = sharp(colours, { raw: { width: 33, height: 17, channels: 3 } }).toColourspace('rgb16')
  const image = await readImage(put(join(folder, 'c16.png'), await rgb16.png().toBuffer()))
  assert.equal([image.depth, image.channels, image.data], [16, 3, colours])

  const bytes8 = Uint8Array.from({ length: 33 * 17 * 3 }, () => rng.int(256))
  const rgb8 = sharp(bytes8, { raw: { width: 33, height: 17, channels: 3 } })
  // withIccProfile converts to the profile, so the file is written plain and the profile attached by hand
  const profiled = await rgb8.clone().png().toBuffer()
  const { icc } = await sharp(await rgb8.clone().withIccProfile('p3').png().toBuffer()).metadata()
  const chunk = Buffer.concat([Buffer.from('iCCPp3\0\0', 'latin1'), deflateSync(icc!)])
  const header = Buffer.alloc(4)
  header.writeUInt32BE(chunk.length - 4)
  const end = Buffer.alloc(4)
  end.writeUInt32BE(crc32(chunk))
  const file = Buffer.concat([profiled.subarray(0, 33), header, chunk, end, profiled.subarray(33)])
  assert.ok((await sharp(file).metadata()).icc)
  assert.equal((await readImage(put(join(folder, 'p3.png'), file))).data, bytes8)
})

/** As PNG's chunks end. */
function crc32(data: Uint8Array): number {
  let crc = -1
  for (const byte of data) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return ~crc >>> 0
}

test('pages of their own size and kind; thumbnails do not count', async () => {
  const thumbnail = { tags: [...picture(2, 2, 8), { tag: 254, values: [1] }], data: [bytes([9, 9, 9, 9], 'u8')] }
  const file = tiffFile([
    thumbnail,
    { tags: picture(width, height, 8), data: [bytes(ramp, 'u8')] },
    { tags: picture(2, 2, 16), data: [bytes([1, 2, 3, 700], 'u16')] },
    { tags: picture(2, 1, 16, { format: 2 }), data: [bytes([-5, 6], 'u16')] },
  ])
  assert.equal([...(await read(file)).data], ramp)
  assert.equal([...(await read(file, 1)).data], [1, 2, 3, 700])
  assert.equal([...(await read(file, 2)).data], [-5, 6])
  for (const page of [3, -1, 0.5])
    assert.match(await refusal(read(file, page)), `it has 3 pages, there is no page ${page + 1}`)
  const png = put(
    join(folder, 'one.png'),
    await sharp(new Uint8Array(4), { raw: { width: 2, height: 2, channels: 1 } })
      .png()
      .toBuffer(),
  )
  assert.match(await refusal(readImage(png, { page: 1 })), 'it has one page, there is no page 2')
})

test('a file that cannot be read exactly is refused with the reason', async () => {
  const page = (bits: number, options = {}, data: Buffer = Buffer.alloc(400)) => ({
    tags: picture(width, height, bits, options),
    data: [data],
  })
  const cases: [Page, RegExp][] = [
    [page(8, { samples: 4, photometric: 5 }), /CMYK/],
    [page(8, { samples: 3, photometric: 8 }), /colour space 8/],
    [page(64, { format: 6 }), /complex/],
    [page(12), /12-bit integers/],
    [page(64, { compression: 6 }), /64-bit integers compressed by JPEG are not read: save it without compression/],
    [page(24, { format: 3 }), /24-bit floats/],
    [page(64, { format: 3, compression: 7 }), /64-bit floats compressed by JPEG/],
    [page(16, { format: 2, samples: 3 }), /one channel/],
    [
      page(8, { compression: 50000 }),
      /compressed by ZSTD, which is not read: save it without compression, or with LZW/,
    ],
    [page(8, { compression: 34887 }), /compressed by LERC/],
    [page(16, { compression: 34712 }), /compressed by JPEG 2000/],
    [page(32, { format: 3, compression: 50002 }), /compressed by JPEG XL/],
    [page(8, { compression: 34925 }), /compressed by LZMA/],
    [page(32, { format: 3, photometric: 0 }), /min-is-white/],
  ]
  for (const [bad, reason] of cases) assert.match(await refusal(one(bad)), reason)
  const cmyk = await sharp(new Uint8Array(300), { raw: { width: 10, height: 10, channels: 3 } })
    .toColourspace('cmyk')
    .jpeg()
    .toBuffer()
  assert.match(await refusal(readImage(put(join(folder, 'cmyk.jpg'), cmyk))), /CMYK/)
})

test.run()
