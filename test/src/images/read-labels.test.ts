/** @file Label maps in every kind of file: labels are read as they are stored, or refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { crc32 } from '../../../src/host/crc32'
import { readLabels } from '../../../src/images/read-labels'
import { put, refusal, scratch } from '../../support/files'
import { picture, tiffFile, type Tag } from '../../support/tiff-files'

const folder = scratch()
const [width, height] = [6, 4]
// prettier-ignore
const map = [
  0, 0, 1, 1, 0, 0,
  0, 0, 1, 1, 0, 2,
  3, 0, 0, 0, 0, 2,
  3, 3, 0, 0, 0, 0,
]
let files = 0
const file = (bytes: Uint8Array, extension: string) => put(join(folder, `${++files}.${extension}`), bytes)
const labelsOf = async (bytes: Uint8Array, extension = 'tif') => [...(await readLabels(file(bytes, extension))).data]

/** A PNG of one value or index per pixel, of 1 to 8 bits. */
function png(values: number[], bits: number, palette?: number[][]): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([bits, palette ? 3 : 0], 8)
  const rows = Array.from({ length: height }, (_, y) => [0, ...packed(values.slice(y * width, (y + 1) * width), bits)])
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', Uint8Array.from(palette.flat())), chunk('tRNS', Uint8Array.of(0))] : []),
    chunk('IDAT', deflateSync(Uint8Array.from(rows.flat()))),
    chunk('IEND', new Uint8Array(0)),
  ])
}

/** One row of values of a few bits, the first in the highest bits of its byte. */
function packed(row: number[], bits: number): number[] {
  const bytes = new Array<number>(Math.ceil((row.length * bits) / 8)).fill(0)
  row.forEach((value, x) => (bytes[(x * bits) >> 3] |= value << (8 - bits - ((x * bits) & 7))))
  return bytes
}

const rows = (values: number[], bits: number) =>
  Buffer.from(Array.from({ length: height }, (_, y) => packed(values.slice(y * width, (y + 1) * width), bits)).flat())

test('min-is-white and bilevel TIFFs: values as stored, whatever they look like', async () => {
  for (const photometric of [0, 1]) {
    const tags = (bits: number, more = {}) => picture(width, height, bits, { photometric, ...more })
    assert.equal(await labelsOf(tiffFile([{ tags: tags(8), data: [Buffer.from(map)] }])), map)
    const wide = Buffer.from(Uint16Array.from(map, (v) => v * 700).buffer)
    assert.equal(
      await labelsOf(tiffFile([{ tags: tags(16), data: [wide] }])),
      map.map((v) => v * 700),
    )
    for (const bits of [1, 2, 4]) {
      const few = map.map((v) => Math.min(v, 2 ** bits - 1))
      assert.equal(await labelsOf(tiffFile([{ tags: tags(bits), data: [rows(few, bits)] }])), few)
    }
    const long = Buffer.from(Float32Array.from(map).buffer)
    assert.equal(await labelsOf(tiffFile([{ tags: tags(32, { format: 3 }), data: [long] }])), map)
  }
})

test('numpy integers of 64 and 32 bits, signed or not, in strips and tiles; values that are no labels are named', async () => {
  const signed64 = (values: number[]) => Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer)
  const signed32 = (values: number[]) => Buffer.from(Int32Array.from(values).buffer)
  for (const [bits, format, bytes] of [
    [64, 1, signed64],
    [64, 2, signed64],
    [32, 1, signed32],
    [32, 2, signed32],
  ] as const) {
    const tags = picture(width, height, bits, { format })
    assert.equal(
      await labelsOf(tiffFile([{ tags, data: [bytes(map.map((v) => v * 21845))] }])),
      map.map((v) => v * 21845),
    )
    const big = map.map((v) => v * 30000)
    assert.match(await refusal(labelsOf(tiffFile([{ tags, data: [bytes(big)] }]))), /the value 90000 is not a whole/)
    const packedTags = picture(width, height, bits, { format, compression: 8 })
    assert.equal(await labelsOf(tiffFile([{ tags: packedTags, data: [deflateSync(bytes(map))] }])), map)
  }
  const tile = new BigInt64Array(16 * 16)
  map.forEach((v, i) => (tile[Math.floor(i / width) * 16 + (i % width)] = BigInt(v)))
  const size: Tag[] = [322, 323].map((tag) => ({ tag, values: [16] }))
  const tags = [...picture(width, height, 64, { format: 2 }).filter(({ tag }) => tag !== 278), ...size]
  assert.equal(await labelsOf(tiffFile([{ tags, tiled: true, data: [Buffer.from(tile.buffer)] }])), map)
  const negative = picture(width, height, 16, { format: 2 })
  const values = Buffer.from(Int16Array.from(map, (v) => v - 1).buffer)
  assert.match(await refusal(labelsOf(tiffFile([{ tags: negative, data: [values] }]))), /the value -1 is not/)
})

const colours = [
  [0, 0, 0],
  [128, 0, 0],
  [0, 128, 0],
  [128, 128, 0],
]

test('palettes: the index is the label, in PNG, TIFF and BMP', async () => {
  for (const bits of [2, 4, 8]) assert.equal(await labelsOf(png(map, bits, colours), 'png'), map)
  const table = (of: (i: number, c: number) => number): Tag => ({
    tag: 320,
    type: 3,
    values: [0, 1, 2].flatMap((c) => Array.from({ length: 256 }, (_, i) => 257 * of(i, c))),
  })
  const tiff = (of: (i: number, c: number) => number) =>
    tiffFile([{ tags: [...picture(width, height, 8, { photometric: 3 }), table(of)], data: [Buffer.from(map)] }])
  assert.equal(await labelsOf(tiff((i, c) => (i * (c + 50)) % 256)), map)
  // an inverting lookup table of ImageJ changes nothing
  assert.equal(await labelsOf(tiff((i) => 255 - i)), map)
  const bmp = Buffer.alloc(54 + 16 + 8 * height)
  bmp.write('BM')
  for (const [at, value] of [
    [10, 70],
    [14, 40],
    [18, width],
    [22, -height],
    [46, 4],
  ])
    bmp.writeInt32LE(value, at)
  bmp.writeUInt16LE(8, 28)
  colours.forEach(([r, g, b], i) => bmp.set([b, g, r], 54 + 4 * i))
  for (let y = 0; y < height; y++) bmp.set(map.slice(y * width, (y + 1) * width), 70 + 8 * y)
  assert.equal(await labelsOf(bmp, 'bmp'), map)
})

test('palettes of gray images: optimisers reorder them, so the gray value counts, unless the palette only inverts', async () => {
  // what optimisers of PNG files make of the gray values 0, 7, 40 and 200
  const reordered = [[200, 200, 200], [7, 7, 7], [0, 0, 0], [40, 40, 40]] // prettier-ignore
  const indexOf = [2, 1, 3, 0]
  assert.equal(
    await labelsOf(
      png(
        map.map((v) => indexOf[v]),
        2,
        reordered,
      ),
      'png',
    ),
    map.map((v) => [0, 7, 40, 200][v]),
  )
  const inverse = Array.from({ length: 256 }, (_, i) => [255 - i, 255 - i, 255 - i])
  assert.equal(await labelsOf(png(map, 8, inverse), 'png'), map)
})

test('the void outline of VOC is no particle; a background that is not index 0 is refused', async () => {
  const voc = Array.from({ length: 256 }, (_, i) => colours[i] ?? (i === 255 ? [224, 224, 192] : [i, 1, 2]))
  const outlined = map.map((v, i) => (i === 1 ? 255 : v))
  assert.equal(
    await labelsOf(png(outlined, 8, voc), 'png'),
    map.map((v, i) => (i === 1 ? 0 : v)),
  )
  const swapped = [colours[1], colours[0], ...colours.slice(2)]
  assert.match(await refusal(labelsOf(png(map, 8, swapped), 'png')), /the black of its palette.* is index 1, not 0/)
})

test('gray PNGs of few bits are not scaled', async () => {
  assert.equal(await labelsOf(png(map, 2), 'png'), map)
  assert.equal(await labelsOf(png(map, 4), 'png'), map)
  assert.equal(await labelsOf(png(map, 8), 'png'), map)
})

test('several pages or channels are refused, not reduced to the first; steps of a pyramid and alpha are none', async () => {
  const bytes = Buffer.from(map)
  const page = (w: number, h: number, more = {}) => ({ tags: picture(w, h, 8, more), data: [bytes.subarray(0, w * h)] })
  const one = page(width, height)
  assert.match(
    await refusal(labelsOf(tiffFile([one, one, one]))),
    /it has 3 pages, a label map has one: save each page/,
  )
  assert.equal(await labelsOf(tiffFile([one, page(3, 2)])), map)
  const thumbnail = page(width, height)
  thumbnail.tags.push({ tag: 254, values: [1] })
  assert.equal(await labelsOf(tiffFile([thumbnail, one])), map)
  const two = Buffer.from(map.flatMap((v) => [v, 255 - v]))
  const tags = picture(width, height, 8).map((tag) => (tag.tag === 277 ? { ...tag, values: [2] } : tag))
  assert.match(await refusal(labelsOf(tiffFile([{ tags, data: [two] }]))), /it has 2 channels, a label map has one/)
  const alpha = [...tags, { tag: 338, type: 3, values: [2] }]
  assert.equal(await labelsOf(tiffFile([{ tags: alpha, data: [two] }])), map)
})

test('the content decides what is lossy, not the name', async () => {
  const raw = sharp(Uint8Array.from(map), { raw: { width, height, channels: 1 } }).toColourspace('b-w')
  for (const extension of ['png', 'tif', 'jpg'])
    assert.match(await refusal(labelsOf(await raw.clone().jpeg().toBuffer(), extension)), /JPEG changes pixel values/)
  assert.match(
    await refusal(labelsOf(await raw.clone().tiff({ compression: 'jpeg' }).toBuffer())),
    /label map: JPEG changes/,
  )
  assert.match(await refusal(labelsOf(await raw.clone().webp().toBuffer(), 'png')), /WebP changes pixel values/)
  assert.equal(await labelsOf(await raw.clone().webp({ lossless: true }).toBuffer(), 'png'), map)
  assert.equal(await labelsOf(await raw.clone().png().toBuffer(), 'jpg'), map)
  const fax = await sharp(
    Uint8Array.from(map, (v) => 255 * +(v > 0)),
    { raw: { width, height, channels: 1 } },
  )
    .toColourspace('b-w')
    .tiff({ compression: 'ccittfax4', bitdepth: 1 })
    .toBuffer()
  assert.equal(new Set(await labelsOf(fax)), new Set([0, 1]))
})

test('coloured labels are refused with a way out', async () => {
  const rgb = sharp(Uint8Array.from(map.flatMap((v) => colours[v])), { raw: { width, height, channels: 3 } })
  assert.match(await refusal(labelsOf(await rgb.png().toBuffer(), 'png')), /it is coloured.*give each colour a number/)
})

test('labels that interpolation or JPEG has mixed are refused, those resized without are not', async () => {
  const [side, ids] = [96, new Uint8Array(96 * 96)]
  for (let i = 0; i < ids.length; i++) {
    const [x, y] = [i % side, Math.floor(i / side)]
    const [column, row] = [Math.floor(x / 16), Math.floor(y / 16)]
    // 36 discs, some of which touch
    if (Math.hypot((x % 16) - 8, (y % 16) - 8) < 5 + ((column + row) % 4)) ids[i] = 7 * (6 * row + column + 1) - 3
  }
  const image = (data: Uint8Array) =>
    sharp(data, { raw: { width: side, height: side, channels: 1 } }).toColourspace('b-w')
  const saved = async (of: ReturnType<typeof image>) => file(await of.png().toBuffer(), 'png')
  const binary = ids.map((id) => (id ? 255 : 0))
  const jpeg = async (data: Uint8Array, quality: number) =>
    saved(sharp(await image(data).jpeg({ quality }).toBuffer()).toColourspace('b-w'))
  for (const kernel of ['linear', 'cubic', 'lanczos3'] as const)
    for (const size of [50, 70, 130, 192])
      assert.match(
        await refusal(readLabels(await saved(image(ids).resize(size, size, { kernel })))),
        /a value between those of both sides.*nearest neighbour/s,
        `${kernel} ${size}`,
      )
  assert.match(await refusal(readLabels(await jpeg(ids, 90))), /a value between/)
  assert.match(await refusal(readLabels(await saved(image(binary).blur(0.8)))), /one mask of all particles.*threshold/s)
  for (const size of [40, 70, 96, 192])
    for (const data of [ids, binary])
      assert.is((await readLabels(await saved(image(data).resize(size, size, { kernel: 'nearest' })))).width, size)
})

test('files of other programs given as label maps are named, with how to export what is read', async () => {
  const header = (descr: string) => `\x93NUMPY\x01\0v\0{'descr': '${descr}', 'fortran_order': False, 'shape': (), }`
  const files: [string, RegExp][] = [
    [header('|O'), /Cellpose's _seg\.npy is, .*: save the masks in Cellpose as PNG or TIFF/],
    [header('<u2'), /it is an array of NumPy, .*: save it as TIFF or PNG/],
    ['MATLAB 5.0 MAT-file, Platform: GLNXA64', /it is a MATLAB file, .*imwrite/],
    [
      '{"type": "FeatureCollection", "features": []}',
      /it is GeoJSON, as QuPath writes it, .*: export a labelled image/,
    ],
    ['[{"type":"Feature","geometry":{}}]', /it is GeoJSON/],
    [
      'filename,file_size,file_attributes,region_count\n',
      /a CSV file of VIA, .*as JSON, which `wgsam dataset import` reads/,
    ],
  ]
  const folder = scratch()
  for (const [text, expected] of files) {
    const message = await refusal(readLabels(await put(join(folder, 'foreign.dat'), Buffer.from(text, 'latin1'))))
    assert.match(message, expected)
    assert.match(message, /foreign\.dat/)
  }
})

test.run()
