/** @file Images, label maps, and what microscopes record in and beside them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { deflateSync } from 'node:zlib'
import { readLabels } from '../../../src/images/read-labels'
import { readImage } from '../../../src/images/read-image'
import { readMicrograph } from '../../../src/images/micrograph'
import { sidecarMetadata } from '../../../src/images/microscope/sidecar'
import { dmImage, dmWith } from '../../support/dm-files'
import { picture, type Page, type Tag, tiffFile } from '../../support/tiff-files'
import type { Reader } from '../reader'

const [width, height] = [24, 18]
const noise = Uint8Array.from({ length: width * height }, (_, i) => (i * 7919 + (i >> 3) * 104_729) % 251)
const raw = { raw: { width, height, channels: 1 as const } }
const gray = () => sharp(noise, raw).toColourspace('b-w')
const colour = () =>
  sharp(
    Uint8Array.from({ length: 3 * noise.length }, (_, i) => noise[Math.floor(i / 3)] ^ (i % 3)),
    {
      raw: { width, height, channels: 3 },
    },
  )
const labels = Uint8Array.from(noise, (_, i) => ((i % width) >> 3) + 3 * Math.floor(i / width / 6))
const labelPng = () => sharp(labels, raw).toColourspace('b-w').png()
const wide = Uint16Array.from(labels, (value) => value * 300)
const png16 = () =>
  sharp(wide, raw as never)
    .toColourspace('grey16')
    .png()

/** The header of each PNG with the other chunks of each: every chunk has its checksum, and none says which belong together. */
function exchangedHeaders(files: readonly Uint8Array[]): Uint8Array[] {
  // the signature has 8 bytes, the header's chunk 25
  const end = 33
  return files.flatMap((head) => files.map((rest) => Buffer.concat([head.subarray(0, end), rest.subarray(end)])))
}

const tiff = (tags: Tag[], more: Partial<Page> = {}, options = {}) =>
  tiffFile([{ tags: [...picture(width, height, 8), ...tags], data: [noise], ...more }], options)
const text = (tag: number, values: string): Tag => ({ tag, values })
const fei = '[User]\r\nDate=01/02/2023\r\n[Scan]\r\nPixelWidth=2.5e-009\r\nPixelHeight=2.5e-009\r\n'
const zeiss =
  '\r\n0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 2.698 nm\r\nDP_IMAGE_STORE\r\nStore resolution = 24 * 18\r\n'
const phenom =
  '<FeiImage><pixelWidth unit="um">0.0125</pixelWidth><pixelHeight unit="um">0.0125</pixelHeight></FeiImage>'
const ome = '<OME><Image><Pixels SizeX="24" PhysicalSizeX="0.5" PhysicalSizeXUnit="nm"/></Image></OME>'
const jeol = '$CM_FORMAT JEOL/SEM\r\n$CM_PIXEL_SIZE 9.5nm 9.5nm\r\n$CM_IMAGE_SIZE 24 18\r\n'
const jeolOld = '$CM_FORMAT JEOL/SEM\r\n$$SM_MICRON_BAR 40\r\n$$SM_MICRON_MARKER 1um\r\n'
const hitachi = '[SemImageFile]\r\nDataSize=24x18\r\nPixelSize=9.92\r\n'
const tescan = '[MAIN]\nPixelSizeX=6e-9\nPixelSizeY=6e-9\n'

const tagged = () => [
  tiff([text(34682, fei)]),
  tiff([text(34118, zeiss)], {}, { bigEndian: true }),
  tiff([text(34683, phenom)]),
  tiff([text(50431, `\u0001${tescan}`)]),
  tiff([text(270, ome)], {}, { big: true }),
  tiff([], { exif: [{ tag: 37500, type: 7, values: Buffer.from(jeol) }] }),
  tiff([text(270, 'ImageJ=1.53\nunit=micron\nimages=3\n'), { tag: 282, type: 5, values: [100, 1] }]),
]
const compressed = async () => [
  await gray().tiff({ compression: 'lzw' }).toBuffer(),
  await gray()
    .tiff({ compression: 'deflate', predictor: 'horizontal', tile: true, tileWidth: 16, tileHeight: 16 })
    .toBuffer(),
  await gray().tiff({ compression: 'packbits' }).toBuffer(),
  await gray().tiff({ compression: 'jpeg' }).toBuffer(),
  await gray().tiff({ bitdepth: 1, compression: 'ccittfax4' }).toBuffer(),
  await colour().tiff({ compression: 'none' }).toBuffer(),
]
const stored = () => {
  const signed = Buffer.alloc(2 * noise.length)
  noise.forEach((value, i) => signed.writeInt16LE(value - 100, 2 * i))
  return [
    tiffFile([{ tags: picture(width, height, 16, { format: 2 }), data: [signed] }]),
    tiffFile([{ tags: picture(width, height, 16, { format: 3, compression: 8 }), data: [deflateSync(signed)] }]),
    tiffFile([
      {
        tags: [...picture(width, height, 64, { format: 3 }), text(42113, '-9999')],
        data: [Buffer.alloc(8 * noise.length)],
      },
    ]),
  ]
}

/** DM3 and DM4 files of 16-bit integers and of floats, with a pixel size and as a stack. */
function gatan(): Buffer[] {
  const whole = Buffer.from(Uint16Array.from(noise, (value) => value * 200).buffer)
  const float = Buffer.from(Float32Array.from(noise).buffer)
  const nanometres: [number, string] = [2.5, 'nm']
  const scale = [nanometres, nanometres]
  const image = dmImage({ sides: [width, height], dataType: 10, numbers: 4, bytes: whole, scale })
  const stack = dmImage({ sides: [width, height / 2, 2], dataType: 2, numbers: 6, bytes: float, scale })
  return [dmWith(3, image), dmWith(4, image), dmWith(4, stack)]
}

/** A BMP whose pixels are these bytes, by their place among those of the picture; with a gray palette up to 8 bits. */
function bitmap(bits: number, byte: (i: number, stride: number) => number = (i) => (i * 37) % 256): Buffer {
  const stride = Math.ceil((width * bits) / 32) * 4
  const palette = bits <= 8 ? 4 * 2 ** bits : 0
  const file = Buffer.alloc(54 + palette + stride * height)
  file.write('BM')
  file.writeUInt32LE(54 + palette, 10)
  file.writeUInt32LE(40, 14)
  file.writeInt32LE(width, 18)
  file.writeInt32LE(height, 22)
  file.writeUInt16LE(1, 26)
  file.writeUInt16LE(bits, 28)
  for (let i = 0; i < palette / 4; i++) file.fill(i, 54 + 4 * i, 57 + 4 * i)
  for (let i = 0; i < stride * height; i++) file[54 + palette + i] = byte(i, stride)
  return file
}

/** Rectangles of one value each. */
const blocks = (i: number, stride: number) => ((i % stride) >> 3) + 3 * Math.floor(i / stride / 6)

/** Pixels alone: what else a file says may be damaged without a checksum. */
const pixels = async (reading: ReturnType<typeof readImage> | ReturnType<typeof readLabels>) => {
  const { width, height, data } = await reading
  return [width, height, data]
}

const micrograph = async (path: string) => {
  const { image, pixelSize, remarks } = await readMicrograph(path)
  return [image.width, image.height, image.data, pixelSize, remarks]
}

export const images: Reader[] = [
  { name: 'tiff-tags', file: 'a.tif', seeds: tagged, read: micrograph },
  { name: 'tiff-compressed', file: 'a.tif', seeds: compressed, read: micrograph },
  { name: 'tiff-stored', file: 'a.tif', seeds: stored, read: micrograph },
  {
    name: 'png',
    file: 'a.png',
    seeds: async () => [
      await gray().png().toBuffer(),
      await colour().png({ progressive: true }).toBuffer(),
      await png16().toBuffer(),
      await colour().png({ palette: true, colours: 16 }).toBuffer(),
    ],
    read: (path) => pixels(readImage(path)),
    guarded: true,
  },
  {
    name: 'jpeg',
    file: 'a.jpg',
    seeds: async () => [
      await gray().jpeg().toBuffer(),
      await colour().jpeg({ progressive: true }).toBuffer(),
      Buffer.concat([await gray().jpeg().toBuffer(), Buffer.from(phenom)]),
    ],
    read: micrograph,
  },
  {
    name: 'webp',
    file: 'a.webp',
    seeds: async () => [await colour().webp().toBuffer(), await colour().webp({ lossless: true }).toBuffer()],
    read: (path) => pixels(readImage(path)),
  },
  { name: 'gatan-dm3', file: 'a.dm3', seeds: gatan, read: micrograph },
  {
    name: 'bmp',
    file: 'a.bmp',
    seeds: () => [8, 24, 4].map((bits) => bitmap(bits)),
    read: (path) => pixels(readImage(path)),
  },
  {
    name: 'labels-png',
    file: 'a.png',
    seeds: async () => [
      await labelPng().toBuffer(),
      await png16().toBuffer(),
      await labelPng().png({ palette: true }).toBuffer(),
      await labelPng().png({ palette: true, colours: 16 }).toBuffer(),
    ],
    read: (path) => pixels(readLabels(path)),
    guarded: true,
    combinations: exchangedHeaders,
  },
  {
    name: 'labels-tiff',
    file: 'a.tif',
    seeds: () => [
      tiffFile([{ tags: picture(width, height, 8), data: [labels] }]),
      tiffFile([{ tags: picture(width, height, 8, { photometric: 0, compression: 8 }), data: [deflateSync(labels)] }]),
      tiffFile([
        {
          tags: [
            ...picture(width, height, 8, { photometric: 3 }),
            { tag: 320, type: 3, values: Array.from({ length: 768 }, (_, i) => (i % 256) * 257) },
          ],
          data: [labels],
        },
      ]),
    ],
    read: (path) => pixels(readLabels(path)),
  },
  {
    name: 'labels-bmp',
    file: 'a.bmp',
    // of 4 bits: two pixels of the same value in each byte
    seeds: () => [bitmap(8, blocks), bitmap(4, (i, stride) => 17 * (blocks(i, stride) % 16))],
    read: (path) => pixels(readLabels(path)),
  },
  ...(['a.txt', 'a.hdr'] as const).map((file): Reader => ({
    name: `sidecar-${file.slice(2)}`,
    file,
    seeds: () => [jeol, jeolOld, hitachi, tescan].map((one) => Buffer.from(one)),
    prepare: async (folder) => writeFileSync(join(folder, 'a.png'), await gray().png().toBuffer()),
    // never fails: a text that cannot be read is left out
    read: (_, folder) => sidecarMetadata(join(folder, 'a.png')),
  })),
]
