/** @file The file formats of images: the extensions that are looked for, and which format a file's first bytes say. */
import { open, stat } from 'node:fs/promises'
import { isTiff } from './tiff-tags'

/** Extensions by which image files are found in a folder. How a file is read depends on its content alone. */
export const imageExtensions = ['.png', '.tif', '.tiff', '.jpg', '.jpeg', '.bmp', '.webp']

export type ImageFormat = 'png' | 'jpeg' | 'tiff' | 'webp' | 'bmp'

/** The format of an image file, by its first bytes. @throws Error without the file's name, if it is no supported image */
export async function sniffImage(path: string): Promise<ImageFormat> {
  const info = await stat(path)
  if (info.isDirectory()) throw new Error('it is a folder')
  if (!info.isFile()) throw new Error('it is not a regular file')
  const start = await firstBytes(path, 16)
  const text = Buffer.from(start).toString('latin1')
  if (!start.length) throw new Error('the file is empty')
  if (text.startsWith('\x89PNG')) return 'png'
  if (text.startsWith('\xff\xd8')) return 'jpeg'
  if (text.startsWith('BM')) return 'bmp'
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp'
  if (isTiff(start)) return 'tiff'
  throw new Error('it is not a PNG, JPEG, TIFF, BMP or WebP image: export it as TIFF or PNG')
}

/** True if a WebP is, or may be, compressed with loss: only its lossless form, VP8L, keeps all values. */
export async function isLossyWebp(path: string): Promise<boolean> {
  const text = Buffer.from(await firstBytes(path, 4096)).toString('latin1')
  return text.slice(12, 16) !== 'VP8L' && !(text.slice(12, 16) === 'VP8X' && text.includes('VP8L'))
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
