/** @file Reads the pixels of image files: PNG, JPEG, TIFF, WebP, BMP, and files of microscopes. Files whose values cannot be read exactly are refused. */
import { readFile, stat } from 'node:fs/promises'
import { messageOf, UserError } from '../host/errors'
import { readBmp } from './bmp'
import { decodeWithSharp } from './decode-with-sharp'
import { maxBytes, maxPixels, tooLarge, type Image } from './image'
import { readMicroscopeFile } from './microscope/microscope-file'
import { sniffImage } from './sniff-image'
import { turnUpright } from './orientation'
import { isIncomplete, isPlanarGray, isUnusual, pageFormat, picturePages } from './tiff-pixels'
import { withTiff } from './open-tiff'
import type { TiffFile } from './tiff-tags'
import { readStored } from './stored-image'
import { canReadStored, nodataOf } from './tiff-values'

export interface ReadOptions {
  /** Larger images are refused before memory is allocated. */
  maxPixels?: number
  /** Page of a TIFF or image of a microscope's stack, from 0; thumbnails do not count. */
  page?: number
}

/**
 * Reads a page (by default the first) of a PNG, JPEG, TIFF, BMP, WebP, DM3, DM4 or EMD file: gray or colour of 1 to 32 bits or float.
 * Values are the file's own, except: 1 to 8 bits are scaled to 0 to 255, palettes are applied, min-is-white is inverted,
 * alpha and colour profiles are dropped. Signed, 32-bit and 64-bit integers and doubles become 32-bit floats; integers are
 * exact up to 2^24. Pixels are turned upright as the orientation tag says.
 * @throws UserError naming the file: missing, truncated, not an image, of an unsupported kind, or too large
 */
export function readImage(path: string, options: ReadOptions = {}): Promise<Image> {
  return namingFile(path, async () => {
    const { page = 0, maxPixels: limit = maxPixels } = options
    const format = await sniffImage(path)
    if (format === 'tiff') return withTiff(path, (tiff) => readTiffPage(path, tiff, page, limit))
    if (format === 'dm' || format === 'hdf5') return (await readMicroscopeFile(path, format, page, limit)).image
    if (page !== 0) throw new Error(noPage(page, 1))
    return format === 'bmp' ? readBmp(await readWhole(path), limit) : decodeWithSharp(path, 0, limit)
  })
}

/** Runs `read`; every error becomes a UserError that names the image file. @throws UserError */
export async function namingFile<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof UserError) throw error
    const shown = /[\x00-\x1f\x7f]/.test(path) ? JSON.stringify(path) : path
    throw new UserError(`cannot read the image ${shown}: ${messageOf(error, path)}`)
  }
}

/** The bytes of a whole file. @throws Error if they are too many */
export async function readWhole(path: string): Promise<Buffer> {
  const { size } = await stat(path)
  if (size > maxBytes)
    throw new Error(`its ${(size / 2 ** 30).toFixed(1)} GiB are more than the 2 GiB that can be read at once`)
  return readFile(path)
}

/**
 * Reads one page of an open TIFF.
 * @param number index among the pages that are pictures, from 0
 * @throws Error without the file's name
 */
export async function readTiffPage(path: string, tiff: TiffFile, number: number, maximum = maxPixels): Promise<Image> {
  const pictures = await picturePages(tiff)
  const index = pictures[number]
  if (index === undefined) throw new Error(noPage(number, pictures.length))
  const page = tiff.pages[index]
  const format = await pageFormat(tiff, page)
  const { width, height } = format
  if (!(width * height <= maximum)) throw new Error(tooLarge(width, height, maximum))
  const stored =
    isUnusual(format) ||
    tiff.isInvented(index) ||
    isPlanarGray(format) ||
    (format.photometric <= 2 && canReadStored(format) && (await isIncomplete(tiff, page, format)))
  const image = stored ? await readStored(tiff, page, format) : await decodeWithSharp(path, index, maximum)
  const nodata = await nodataOf(tiff, page)
  return turnUpright(nodata === undefined ? image : { ...image, nodata }, format.orientation)
}

/** Why a page cannot be read; the user counts pages from 1. */
const noPage = (number: number, pages: number) =>
  `it has ${pages === 1 ? 'one page' : `${pages} pages`}, there is no page ${number + 1}`
