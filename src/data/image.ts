import { open, readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { UserError } from '../errors'
import { writeFileAtomic } from '../files'
import { readBmp } from './bmp'
import { maxPixels, tooLarge, type Image } from './pixels'

/** What image files are looked for. The content decides how they are read. */
export const imageExtensions = ['.png', '.tif', '.tiff', '.jpg', '.jpeg', '.bmp', '.webp']

/**
 * Reads the first page of a PNG, JPEG, TIFF, BMP or WebP file, 8 or 16 bits or float, gray or colour; alpha is
 * dropped and palettes are applied.
 * @throws UserError naming the file: missing, cut off, not an image, or of a hostile size
 */
export async function readImage(path: string, options: { maxPixels?: number } = {}): Promise<Image> {
  const most = options.maxPixels ?? maxPixels
  try {
    const start = await firstBytes(path, 2)
    if (!start.length) throw new Error('the file is empty')
    if (start[0] === 0x42 && start[1] === 0x4d) return readBmp(await readFile(path), most)
    return await readWithSharp(path, most)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message.trim()
    throw new UserError(`cannot read the image ${path}: ${reason}`)
  }
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

async function readWithSharp(path: string, most: number): Promise<Image> {
  const settings = { page: 0, limitInputPixels: false } as const
  const meta = await sharp(path, settings).metadata()
  const { width, height, space = 'srgb', depth = 'uchar' } = meta
  if (!(width * height <= most)) throw new Error(tooLarge(width, height, most))
  const bits = depth === 'uchar' ? 8 : depth === 'ushort' ? 16 : 32
  const gray = ['b-w', 'grey16', 'multiband'].includes(space)
  // without the colour space, raw() would give 8-bit RGB whatever the file holds
  const target = gray || ['srgb', 'rgb', 'rgb16', 'scrgb'].includes(space) ? space : bits === 16 ? 'rgb16' : 'srgb'
  const { data, info } = await sharp(path, settings)
    .toColourspace(target)
    .raw({ depth: bits === 8 ? 'uchar' : bits === 16 ? 'ushort' : 'float' })
    .toBuffer({ resolveWithObject: true })
  const values = typed(data, bits)
  const channels = info.channels >= 3 ? 3 : 1
  return { width, height, channels, data: firstChannels(values, info.channels, channels), depth: bits }
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
