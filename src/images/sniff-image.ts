/** @file The file formats of images: the extensions that are looked for, and which format a file's first bytes say. */
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { isDm } from './microscope/dm-tags'
import { FOREIGN_BYTES, foreignFile } from '../text/foreign-file'
import { isTiff } from './tiff-tags'

/** Extensions by which image files are found in a folder. How a file is read depends on its content alone. */
export const imageExtensions = ['.png', '.tif', '.tiff', '.jpg', '.jpeg', '.bmp', '.webp', '.dm3', '.dm4', '.emd']

export type ImageFormat = 'png' | 'jpeg' | 'tiff' | 'webp' | 'bmp' | 'dm' | 'hdf5'
/** Formats of microscopes, which hold images and what is known of them: see src/images/microscope. */
export type MicroscopeFormat = 'dm' | 'hdf5'

/** The format of an image file, by its first bytes. @throws Error without the file's name, if it is no supported image */
export async function sniffImage(path: string): Promise<ImageFormat> {
  const info = await stat(path)
  if (info.isDirectory()) throw new Error('it is a folder')
  if (!info.isFile()) throw new Error('it is not a regular file')
  const start = await firstBytes(path, FOREIGN_BYTES)
  if (!start.length) throw new Error('the file is empty')
  const format = formatOf(start)
  if (format) return format
  throw new Error(notAnImage(start, basename(path)))
}

function formatOf(start: Uint8Array): ImageFormat | undefined {
  const text = Buffer.from(start.subarray(0, 16)).toString('latin1')
  if (text.startsWith('\x89PNG')) return 'png'
  if (text.startsWith('\xff\xd8')) return 'jpeg'
  if (text.startsWith('BM')) return 'bmp'
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp'
  if (isDm(start)) return 'dm'
  if (text.startsWith('\x89HDF\r\n\x1a\n')) return 'hdf5'
  return isTiff(start) ? 'tiff' : undefined
}

/** The usual extension of an image of these first bytes; undefined if it is no supported image. */
export function extensionOf(start: Uint8Array): string | undefined {
  const format = formatOf(start)
  return (
    format && { png: '.png', jpeg: '.jpg', bmp: '.bmp', webp: '.webp', tiff: '.tif', dm: '.dm4', hdf5: '.emd' }[format]
  )
}

/** What a file is instead of an image, by its first bytes or its name. */
function notAnImage(start: Uint8Array, name: string): string {
  const { is, way = 'export it as TIFF or PNG' } = foreignFile(start, name) ?? {}
  return `${is ? `${is}, and ` : 'it is '}not a PNG, JPEG, TIFF, BMP, WebP, DM3, DM4 or EMD image: ${way}`
}

/** True if a WebP is, or may be, compressed with loss: only its lossless form, VP8L, keeps all values. */
export async function isLossyWebp(path: string): Promise<boolean> {
  const text = Buffer.from(await firstBytes(path, 4096)).toString('latin1')
  return text.slice(12, 16) !== 'VP8L' && !(text.slice(12, 16) === 'VP8X' && text.includes('VP8L'))
}

/** At most the first `count` bytes of a file. */
export async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
