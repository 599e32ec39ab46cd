/** @file Decodes PNG, JPEG, WebP and most TIFF files with sharp, keeping the file's own values. */
import { stat } from 'node:fs/promises'
import sharp from 'sharp'
import { unusualJpeg } from './jpeg-kind'
import { firstBytes } from './sniff-image'
import { checkClaim, type Image } from './image'
import { turnUpright } from './orientation'

// A file that was overwritten since must be read again, not taken from a cache.
sharp.cache(false)

const graySpaces = ['b-w', 'grey16']
const colourSpaces = ['srgb', 'rgb', 'rgb16', 'scrgb']

/**
 * Decodes one page of an image. PNG, JPEG and WebP are turned upright; pages of a TIFF are left as they are stored.
 * @param input a path, or the bytes of a whole file
 * @param page index among all pages of the file, thumbnails included
 * @throws Error without the file's name: damaged, too large, or of an unsupported colour space
 */
export async function decodeWithSharp(input: string | Buffer, page: number, maxPixels: number): Promise<Image> {
  // Warnings are common in files of microscopes; a truncated or damaged file is an error all the same.
  const settings = { page, limitInputPixels: false, ignoreIcc: true, sequentialRead: true, failOn: 'error' } as const
  const {
    width,
    height,
    space = '',
    depth = 'uchar',
    hasAlpha,
    orientation,
    format,
  } = await sharp(input, settings)
    .metadata()
    .catch((error: Error) => undecodable(input, error))
  const gray = graySpaces.includes(space)
  const bits = depth === 'uchar' ? 8 : depth === 'ushort' ? 16 : 32
  const kept = gray ? 1 : 3
  const fileBytes = typeof input === 'string' ? (await stat(input)).size : input.length
  checkClaim(width, height, (width * height * kept * bits) / 8, fileBytes, maxPixels)
  if (space === 'cmyk') throw new Error('CMYK, colours for print, is not supported: save it as RGB or gray')
  if (!gray && !colourSpaces.includes(space))
    throw new Error(`the colour space ${space} is not supported: save it as RGB or gray`)
  // Without the colour space, raw() would convert to 8-bit RGB whatever the file contains.
  const picture = sharp(input, settings).toColourspace(space)
  // dropped by the decoder, so that no second copy of a large image is needed
  if (hasAlpha) picture.removeAlpha()
  const { data, info } = await picture
    .raw({ depth: bits === 8 ? 'uchar' : bits === 16 ? 'ushort' : 'float' })
    .toBuffer({ resolveWithObject: true })
    .catch((error: Error) => undecodable(input, error))
  const values = typed(data, bits)
  const image: Image = { width, height, channels: kept, data: firstChannels(values, info.channels, kept), depth: bits }
  return format === 'tiff' ? image : turnUpright(image, orientation)
}

/** The opacity of each pixel, 0 to 255; null if the image has none. It must have been decoded before, which checks its size. */
export async function alphaOf(input: string | Buffer): Promise<Uint8Array | null> {
  const { hasAlpha } = await sharp(input).metadata().catch(damaged)
  if (!hasAlpha) return null
  return sharp(input).extractChannel('alpha').toColourspace('b-w').raw().toBuffer().catch(damaged)
}

/** Frame headers of JPEG are found in this many bytes, unless there are profiles of colours before them. */
const JPEG_HEAD = 2 ** 20

/** Says why a decoder failed. @throws Error always */
async function undecodable(input: string | Buffer, error: Error): Promise<never> {
  const kind = unusualJpeg(typeof input === 'string' ? await firstBytes(input, JPEG_HEAD) : input)
  if (kind) throw new Error(`it is ${kind}, which is not read: save it as PNG or TIFF`)
  return damaged(error)
}

/** Rewords a decoder's error: its messages are written for programmers, and some say nothing at all. */
function damaged(error: Error): never {
  const [detail = ''] = error.message.split('\n').filter((line) => !/^(Unknown error|Warning treated)/.test(line))
  const [, method] = /(\w+) (?:compression )?support is not configured/i.exec(detail) ?? []
  if (method)
    throw new Error(
      `it is compressed by ${method}, which is not read: save it without compression, or with LZW or deflate`,
    )
  if (/tiled separate planes/.test(detail))
    throw new Error(
      'its colours are stored one after the other in tiles, which is not read: save it without tiles, or as PNG',
    )
  if (/JPEG data precision/i.test(detail))
    throw new Error(
      'it is compressed by JPEG of more than 8 bits, or by lossless JPEG, which is not read: save it without compression, or with LZW or deflate',
    )
  throw new Error(`it cannot be decoded, it may be damaged or truncated${detail && ` (${detail.trim()})`}`)
}

/** The bytes as a typed array, without a copy if they are aligned. */
function typed(data: Uint8Array, bits: 8 | 16 | 32): Image['data'] {
  if (bits === 8) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const size = bits / 8
  const { buffer, byteOffset, byteLength } = data.byteOffset % size ? Uint8Array.from(data) : data
  return new (bits === 16 ? Uint16Array : Float32Array)(buffer as ArrayBuffer, byteOffset, byteLength / size)
}

/** The first `to` of `from` interleaved channels: drops alpha. */
function firstChannels(data: Image['data'], from: number, to: number): Image['data'] {
  if (from === to) return data
  const count = data.length / from
  const kept = new (data.constructor as Uint8ArrayConstructor)(count * to)
  for (let i = 0; i < count; i++) for (let c = 0; c < to; c++) kept[i * to + c] = data[i * from + c]
  return kept
}
