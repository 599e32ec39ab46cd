/** @file The file formats of images: the extensions that are looked for, and which format a file's first bytes say. */
import { open, stat } from 'node:fs/promises'
import { isDm } from './microscope/dm-tags'
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
  const start = await firstBytes(path, 256)
  if (!start.length) throw new Error('the file is empty')
  const format = formatOf(start)
  if (format) return format
  throw new Error(notAnImage(Buffer.from(start).toString('latin1')))
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

/** What a file is instead of an image, by its first bytes. */
function notAnImage(text: string): string {
  const kinds: [start: RegExp, kind: string, way?: string][] = [
    [
      /^version https:\/\/git-lfs|^version https:/,
      'it is a pointer of Git LFS: fetch the file itself with `git lfs pull`',
    ],
    [/^GIF8/, 'it is a GIF'],
    [/^....ftyp(avif|heic|heix|mif1)/s, 'it is an AVIF or HEIC image'],
    [/^(\xff\x0a|\0\0\0\x0cJXL )/, 'it is a JPEG XL image'],
    [/^(\xff\x4f\xff\x51|\0\0\0\x0cjP )/, 'it is a JPEG 2000 image'],
    [/^%PDF/, 'it is a PDF'],
    [/^\s*<(!doctype|html|\?xml|svg)/i, 'it is a text file (HTML, XML or SVG)'],
    [/^8BPS/, 'it is a Photoshop file'],
    [/^PK\x03\x04/, 'it is a zip archive'],
    [/^ZISRAW/, 'it is a CZI file of Zeiss'],
    [
      /^\x93NUMPY.*'descr': '\|O'/s,
      "it is a NumPy file of Python objects, as Cellpose's _seg.npy is",
      'save the masks in Cellpose as PNG or TIFF',
    ],
    [/^MATLAB [57]/, 'it is a MATLAB file', 'save the label map in MATLAB with imwrite(uint16(labels), "labels.png")'],
    [
      /^\s*[[{].*"type"\s*:\s*"Feature/s,
      'it is GeoJSON, as QuPath writes it',
      'export a labelled image in QuPath as TIFF or PNG',
    ],
    [
      /^(\xef\xbb\xbf)?#?filename,file_size,/,
      'it is a CSV file of VIA',
      'export the annotations in VIA as JSON, which `wgsam dataset import` reads',
    ],
    [/^\x93NUMPY/, 'it is an array of NumPy'],
    [/^P[1-7]\s/, 'it is a PNM image (PBM, PGM or PPM)'],
    [/^(SIMPLE  =|\x76\x2f\x31\x01)/, 'it is a FITS or OpenEXR image'],
    [/^\xda\xce\xbe\x0a/, 'it is an ND2 file of Nikon'],
  ]
  const [, kind, way = 'export it as TIFF or PNG'] = kinds.find(([start]) => start.test(text)) ?? []
  return `${kind ? `${kind}, and ` : 'it is '}not a PNG, JPEG, TIFF, BMP, WebP, DM3, DM4 or EMD image: ${way}`
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
