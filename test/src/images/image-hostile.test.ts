import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { Rng } from '../../../engine/rng'
import { countPages, readMicrograph } from '../../../src/images/micrograph'
import { testNeeding } from '../../support/needs'
import { put, refusal, scratch } from '../../support/files'
import { picture, tiffFile, type Tag } from '../../support/tiff-files'

const folder = scratch()
const at = (name: string) => join(folder, name)
const rng = new Rng(8)
const noise = Uint8Array.from({ length: 200 * 150 }, () => rng.int(256))
const gray = () => sharp(noise, { raw: { width: 200, height: 150, channels: 1 } }).toColourspace('b-w')
let count = 0

/** The one-line refusal of a file of these bytes. */
async function refused(bytes: Uint8Array, name = `bad ${++count}`): Promise<string> {
  const path = put(at(name), bytes)
  const message = await refusal(readMicrograph(path))
  assert.ok(message.startsWith(`cannot read the image ${path}: `), message)
  assert.not.match(message, /\n/)
  if (process.env.SHOW) console.log(message.slice(-120))
  return message.slice(`cannot read the image ${path}: `.length)
}

test('files truncated anywhere are refused with a message of one line', async () => {
  const files = {
    png: await gray().png().toBuffer(),
    interlaced: await gray().png({ progressive: true }).toBuffer(),
    jpeg: await gray().jpeg().toBuffer(),
    progressive: await gray().jpeg({ progressive: true }).toBuffer(),
    webp: await gray().webp().toBuffer(),
    tiff: await gray().tiff({ compression: 'none' }).toBuffer(),
    lzw: await gray().tiff({ compression: 'lzw' }).toBuffer(),
    tiled: await gray().tiff({ compression: 'deflate', tile: true, tileWidth: 64, tileHeight: 64 }).toBuffer(),
    // its directory comes first, so that only pixels are missing
    tail: tailTiff(),
    double: tiffFile([{ tags: picture(200, 10, 64, { format: 3 }), data: [Buffer.alloc(200 * 9 * 8)] }]),
  }
  for (const [name, file] of Object.entries(files)) {
    if (name === 'double') assert.match(await refused(file), /fewer values/)
    else
      for (const part of [0.01, 0.3, 0.7, 0.97])
        assert.ok(await refused(file.subarray(0, Math.ceil(part * file.length))), name)
  }
  assert.match(await refused(Buffer.from('II*\0')), /truncated|TIFF/)
  assert.match(await refused(Buffer.alloc(0)), /empty/)
})

/** A TIFF whose strip follows its directory. */
function tailTiff(): Buffer {
  const tags = [...picture(200, 150, 8), { tag: 273, values: [4096] }, { tag: 279, values: [noise.length] }]
  const head = tiffFile([{ tags }])
  return Buffer.concat([head, Buffer.alloc(4096 - head.length), noise])
}

test('the same file whole is read', async () => {
  const { image } = await readMicrograph(put(at('tail.tif'), tailTiff()))
  assert.equal(image.data, noise)
})

test('damage in the middle is found', async () => {
  for (const file of [await gray().png().toBuffer(), await gray().tiff({ compression: 'deflate' }).toBuffer()]) {
    const damaged = Buffer.from(file)
    damaged.fill(0xaa, Math.floor(file.length / 2), Math.floor(file.length / 2) + 200)
    assert.ok(await refused(damaged))
  }
})

test('a size that a small file only claims allocates no memory', async () => {
  const before = process.memoryUsage().rss
  const claim = (w: number, h: number, more: Tag[] = []) =>
    tiffFile([{ tags: [...picture(w, h, 8), ...more], data: [Buffer.alloc(64)] }])
  assert.match(await refused(claim(100_000, 100_000)), /100000x100000 pixels are more than/)
  assert.match(await refused(claim(0xffffffff, 0xffffffff)), /are more than/)
  assert.match(await refused(claim(0, 5)), /is empty/)
  const colours = tiffFile([{ tags: picture(20_000, 20_000, 16, { samples: 3 }), data: [Buffer.alloc(64)] }])
  assert.match(await refused(colours), /GiB, more than the 2/)
  const png = await gray().png().toBuffer()
  png.writeUInt32BE(100_000, 16)
  png.writeUInt32BE(100_000, 20)
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  assert.match(await refused(png), /100000x100000 pixels are more than/)
  const bmp = Buffer.alloc(60)
  bmp.write('BM')
  bmp.writeUInt32LE(54, 10)
  bmp.writeUInt32LE(40, 14)
  bmp.writeInt32LE(20_000, 18)
  bmp.writeInt32LE(20_000, 22)
  bmp.writeUInt16LE(24, 28)
  assert.match(await refused(bmp), /truncated/)
  assert.ok(process.memoryUsage().rss - before < 200e6, `${process.memoryUsage().rss - before} bytes`)
})

test('a file must have a byte for every 200 that it claims, beyond 256 MiB', async () => {
  const head = (side: number, colour: number) => {
    const png = Buffer.from(blank)
    png.writeUInt32BE(side, 16)
    png.writeUInt32BE(side, 20)
    png[25] = colour
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
    return png
  }
  const blank = await gray().png().toBuffer()
  // the decoder is never asked for the pixels of the first three
  for (const [side, colour] of [
    [23_170, 6],
    [16_385, 0],
    [10_000, 2],
  ])
    assert.match(await refused(head(side, colour)), /over 200 times the size of the file/)
  assert.match(await refused(head(16_384, 0)), /damaged or truncated/)
  const claim = tiffFile([{ tags: picture(12_000, 12_000, 16, { format: 2 }), data: [Buffer.alloc(64)] }])
  assert.match(await refused(claim), /over 200 times the size of the file/)
})

test('strips that share their bytes a thousand times are not read as often', async () => {
  const tags = picture(8, 20_000, 16, { format: 2 }).filter(({ tag }) => ![273, 278, 279].includes(tag))
  const one = (tag: number, value: number): Tag => ({ tag, values: new Array(20_000).fill(value) })
  const file = tiffFile([{ tags: [...tags, { tag: 278, values: [1] }, one(273, 8), one(279, 100_000)] }])
  assert.match(await refused(file), /strips or tiles overlap/)
})

test('a strip that inflates to 200 MB gives the few pixels that it should', async () => {
  const bomb = deflateSync(Buffer.alloc(200e6, 7))
  const path = put(at('bomb.tif'), tiffFile([{ tags: picture(8, 8, 8, { compression: 8 }), data: [bomb] }]))
  const before = process.memoryUsage().rss
  assert.equal([...(await readMicrograph(path)).image.data], new Array(64).fill(7))
  assert.ok(process.memoryUsage().rss - before < 100e6)
})

test('TIFFs whose directories loop, are outside the file or claim too much', async () => {
  const one = tiffFile([{ tags: picture(8, 8, 8), data: [Buffer.alloc(64)] }])
  const place = one.readUInt32LE(4)
  const loop = Buffer.from(one)
  loop.writeUInt32LE(place, place + 2 + 12 * loop.readUInt16LE(place))
  assert.match(await refused(loop), /loop/)
  const outside = Buffer.from(one)
  outside.writeUInt32LE(0xfffffff0, 4)
  assert.match(await refused(outside), /beyond its end/)
  const many = Buffer.from(one)
  many.writeUInt16LE(60_000, place)
  assert.match(await refused(many), /60000 tags/)
  const none = Buffer.from(one)
  none.writeUInt32LE(0, 4)
  assert.match(await refused(none), /no page/)
  const big = tiffFile([{ tags: picture(8, 8, 8), data: [Buffer.alloc(64)] }], { big: true })
  big.writeBigUInt64LE(2n ** 63n, 8)
  assert.match(await refused(big), /beyond its end/)
  await readMicrograph(put(at('good.tif'), one))
})

test('any corrupted byte of a TIFF: the file is read or refused, nothing else happens', async () => {
  const tags = [...picture(8, 8, 8), { tag: 34682, values: '[Scan]\nPixelWidth=1e-9\nPixelHeight=1e-9\n' }]
  const file = tiffFile([{ tags, data: [Buffer.from(noise.subarray(0, 64))] }])
  let readable = 0
  for (let i = 0; i < file.length; i++)
    for (const value of [0, 255]) {
      const changed = Buffer.from(file)
      changed[i] = value
      const path = put(at('fuzz'), changed)
      const message = await readMicrograph(path).then(
        () => '',
        (error) => (error.name === 'UserError' ? error.message : Promise.reject(error)),
      )
      if (!message) readable++
    }
  assert.ok(readable > file.length / 4 && readable < 2 * file.length)
})

test('odd shapes and 20,000 pixels a side', async () => {
  for (const [w, h] of [
    [1, 1],
    [1, 333],
    [333, 1],
    [20_000, 3],
    [3, 20_000],
    [20_000, 200],
  ]) {
    const data = Uint8Array.from({ length: w * h }, (_, i) => (i * 31) % 253)
    const raw = sharp(data, { raw: { width: w, height: h, channels: 1 } }).toColourspace('b-w')
    for (const file of [
      await raw.clone().png({ compressionLevel: 1 }).toBuffer(),
      await raw.clone().tiff({ compression: 'lzw' }).toBuffer(),
    ]) {
      const { image, croppedBottom } = await readMicrograph(put(at('odd'), file))
      assert.equal([image.width, image.height, croppedBottom], [w, h, 0])
      assert.is(Buffer.compare(image.data as Uint8Array, data), 0)
    }
  }
})

test('the content decides, not the name; names hold anything', async () => {
  const png = await gray().png().toBuffer()
  for (const name of [
    'really a.jpg',
    'spaces  and [brackets].png',
    `quotes ' " \` $(x) ;.tif`,
    'новый 測試 é.png',
    '..png',
    '-n',
    '%s%n.png',
    '100%[page=1].tif',
  ])
    assert.equal((await readMicrograph(put(at(name), png))).image.data, noise, name)
  mkdirSync(at('sub'), { recursive: true })
  assert.equal((await readMicrograph(`${at('sub')}/../really a.jpg`)).image.data, noise)
  const broken = at('line\nbreak.png')
  assert.match(await refusal(readMicrograph(broken)), 'line\\nbreak.png": there is no such file')
  assert.equal((await readMicrograph(put(broken, png))).image.data, noise)
})

test('a file that is not an image is refused', async () => {
  for (const [content, message] of [
    ['hello, I am no picture', /it is not a PNG, JPEG, TIFF, BMP, WebP, DM3, DM4 or EMD image/],
    ['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', /it is a text file \(HTML, XML or SVG\)/],
    ['GIF89a......', /it is a GIF/],
    ['%PDF-1.4', /it is a PDF/],
    ['PK\x03\x04', /it is a zip archive/],
  ] as const)
    assert.match(await refused(Buffer.from(content, 'latin1')), message)
  for (const action of [readMicrograph, countPages]) {
    assert.match(await refusal(action(folder)), /it is a folder/)
    assert.match(await refusal(action(at('nothing.png'))), /no such file/)
    assert.match(await refusal(action('')), /no such file/)
    assert.match(await refusal(action(`${at('good.tif')}/x`)), /cannot read the image/)
    assert.match(await refusal(action('a\0b')), /cannot read the image "a\\u0000b"/)
  }
})

const noPipes = process.platform === 'win32' ? 'Windows has no mkfifo' : null
testNeeding('platform', noPipes)('named pipes and circular links are refused', async () => {
  // reading a pipe would never end
  execFileSync('mkfifo', [at('pipe.png')])
  assert.match(await refusal(readMicrograph(at('pipe.png'))), /it is not a regular file/)
  symlinkSync(at('circle.png'), at('circle.png'))
  assert.match(await refusal(readMicrograph(at('circle.png'))), /cannot read the image/)
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

test.run()
