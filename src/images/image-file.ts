/** @file Pixels of image files: PNG, JPEG, TIFF and WebP through sharp, BMP by ourselves; what is not exact is refused. */
import { open, readFile, stat } from 'node:fs/promises'
import sharp from 'sharp'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { readBmp } from './bmp'
import { maxBytes, maxPixels, tooLarge, type Image } from './pixels'
import { declareUnsigned, fromBits, isUnusual, pageFormat, picturePages, readDoubles } from './tiff-pixels'
import { isTiff, TiffFile } from './tiff-tags'

// a file that was written anew must not be answered from a cache
sharp.cache(false)

/** What image files are looked for. The content decides how they are read. */
export const imageExtensions = ['.png', '.tif', '.tiff', '.jpg', '.jpeg', '.bmp', '.webp']

export type ImageKind = 'png' | 'jpeg' | 'tiff' | 'webp' | 'bmp'

export interface ReadOptions {
  /** larger images are refused before memory is taken */
  maxPixels?: number
  /** page of a TIFF, from 0; thumbnails do not count */
  page?: number
}

/**
 * Reads a page (the first, if none is asked for) of a PNG, JPEG, TIFF, BMP or WebP file: gray or colour of 1 to 32 bits
 * or float. Values are the file's own: 1 to 8 bits become 0 to 255, palettes are applied, min-is-white is turned round,
 * alpha and colour profiles are dropped. Signed and 32-bit integers become floats, exact up to 2^24; so do doubles.
 * @throws UserError naming the file: missing, cut off, not an image, of a kind that is not read, or of a hostile size
 */
export function readImage(path: string, options: ReadOptions = {}): Promise<Image> {
  return naming(path, async () => {
    const { page = 0, maxPixels: most = maxPixels } = options
    const kind = await imageKind(path)
    if (kind === 'tiff') return TiffFile.with(path, (tiff) => readTiffPage(path, tiff, page, most))
    if (page !== 0) throw new Error(noPage(page, 1))
    return kind === 'bmp' ? readBmp(await readWhole(path), most) : readWithSharp(path, 0, most)
  })
}

/** Runs what reads an image file; whatever fails becomes a UserError that names it. */
export async function naming<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof UserError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    const shown = /[\x00-\x1f\x7f]/.test(path) ? JSON.stringify(path) : path
    throw new UserError(`cannot read the image ${shown}: ${reason}`)
  }
}

/** What a file holds, by its first bytes. @throws Error where it is no image that is read */
export async function imageKind(path: string): Promise<ImageKind> {
  const info = await stat(path)
  if (info.isDirectory()) throw new Error('it is a folder')
  if (!info.isFile()) throw new Error('it is no file')
  const start = await firstBytes(path, 16)
  const text = Buffer.from(start).toString('latin1')
  if (!start.length) throw new Error('the file is empty')
  if (text.startsWith('\x89PNG')) return 'png'
  if (text.startsWith('\xff\xd8')) return 'jpeg'
  if (text.startsWith('BM')) return 'bmp'
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp'
  if (isTiff(start)) return 'tiff'
  throw new Error('it holds no PNG, JPEG, TIFF, BMP or WebP picture: export it as TIFF or PNG')
}

async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function readWhole(path: string): Promise<Buffer> {
  const { size } = await stat(path)
  if (size > maxBytes)
    throw new Error(`its ${(size / 2 ** 30).toFixed(1)} GiB are more than the 2 that are read at once`)
  return readFile(path)
}

/** Reads the page of that number among a TIFF's pictures. @throws Error without the file's name */
export async function readTiffPage(path: string, tiff: TiffFile, number: number, most = maxPixels): Promise<Image> {
  const places = await picturePages(tiff)
  const place = places[number]
  if (place === undefined) throw new Error(noPage(number, places.length))
  const page = tiff.pages[place]
  const format = await pageFormat(tiff, page)
  const { width, height } = format
  if (!(width * height <= most)) throw new Error(tooLarge(width, height, most))
  if (!isUnusual(format)) return readWithSharp(path, place, most)
  if (format.bits === 64) return readDoubles(tiff, page, format)
  const file = declareUnsigned(await readWhole(path), page, tiff.bigEndian)
  const { data } = await readWithSharp(file, place, most)
  return { width, height, channels: 1, data: fromBits(data as Uint16Array, format.format), depth: 32 }
}

/** People count pages from 1. */
const noPage = (number: number, pages: number) =>
  `it has ${pages === 1 ? 'one page' : `${pages} pages`}, there is no page ${number + 1}`

const graySpaces = ['b-w', 'grey16']
const colourSpaces = ['srgb', 'rgb', 'rgb16', 'scrgb']

async function readWithSharp(input: string | Buffer, page: number, most: number): Promise<Image> {
  // warnings are common in microscopes' files; what is cut off or damaged is an error all the same
  const settings = { page, limitInputPixels: false, ignoreIcc: true, sequentialRead: true, failOn: 'error' } as const
  const {
    width,
    height,
    space = '',
    depth = 'uchar',
    channels,
  } = await sharp(input, settings).metadata().catch(damaged)
  if (!(width * height <= most)) throw new Error(tooLarge(width, height, most))
  if (space === 'cmyk') throw new Error('CMYK, colours for print, is not read: save it as RGB or gray')
  const gray = graySpaces.includes(space)
  if (!gray && !colourSpaces.includes(space))
    throw new Error(`colours of kind ${space} are not read: save it as RGB or gray`)
  const bits = depth === 'uchar' ? 8 : depth === 'ushort' ? 16 : 32
  const bytes = (width * height * (gray ? 1 : channels) * bits) / 8
  if (bytes > maxBytes)
    throw new Error(
      `its values take ${(bytes / 2 ** 30).toFixed(1)} GiB, more than the 2 that are read at once: cut it into tiles`,
    )
  // without the colour space, raw() would give 8-bit RGB whatever the file holds
  const { data, info } = await sharp(input, settings)
    .toColourspace(space)
    .raw({ depth: bits === 8 ? 'uchar' : bits === 16 ? 'ushort' : 'float' })
    .toBuffer({ resolveWithObject: true })
    .catch(damaged)
  const values = typed(data, bits)
  const kept = gray ? 1 : 3
  return { width, height, channels: kept, data: firstChannels(values, info.channels, kept), depth: bits }
}

/** The decoders' messages are for programmers, some say nothing at all. */
function damaged(error: Error): never {
  const [detail = ''] = error.message.split('\n').filter((line) => !/^(Unknown error|Warning treated)/.test(line))
  throw new Error(`it cannot be decoded, it may be damaged or cut off${detail && ` (${detail.trim()})`}`)
}

/** The bytes as numbers, without a copy where they are aligned. */
function typed(data: Uint8Array, bits: 8 | 16 | 32): Image['data'] {
  if (bits === 8) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const size = bits / 8
  const { buffer, byteOffset, byteLength } = data.byteOffset % size ? Uint8Array.from(data) : data
  return new (bits === 16 ? Uint16Array : Float32Array)(buffer as ArrayBuffer, byteOffset, byteLength / size)
}

/** Drops alpha. */
function firstChannels(data: Image['data'], from: number, to: number): Image['data'] {
  if (from === to) return data
  const count = data.length / from
  const kept = new (data.constructor as Uint8ArrayConstructor)(count * to)
  for (let i = 0; i < count; i++) for (let c = 0; c < to; c++) kept[i * to + c] = data[i * from + c]
  return kept
}

export { writeLabelTiff } from './tiff-writer'

export interface Raster {
  width: number
  height: number
  channels: 1 | 3 | 4
  /** Uint8Array, or Uint16Array of one channel (label maps) */
  data: Uint8Array | Uint16Array
}

/** Writes a PNG whose pixels read back exactly as given, beside its place and then renamed. */
export async function writePng(path: string, { width, height, channels, data }: Raster): Promise<void> {
  if (data.length !== width * height * channels)
    throw new Error(`${path}: ${width}x${height}x${channels} values expected, ${data.length} given`)
  const wide = data instanceof Uint16Array
  if (wide && channels !== 1) throw new Error(`${path}: 16 bits are written for one channel only`)
  const space = channels > 1 ? 'srgb' : wide ? 'grey16' : 'b-w'
  const png = sharp(data, { raw: { width, height, channels }, limitInputPixels: false }).toColourspace(space).png()
  await writeFileAtomic(path, await png.toBuffer())
}
