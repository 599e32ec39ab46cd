/** @file Reads an image as a microscope wrote it: one page, with the info bar cut off, and the size of its pixels. */
import { sniffImage } from './sniff-image'
import { namingFile, readImage, readTiffPage } from './read-image'
import { bottomOf, infoBarRows, valueRemarks, withoutBottom } from './cut-bottom'
import { jpegMetadata } from './microscope/jpeg-metadata'
import { checkMetadata, tiffMetadata } from './microscope/read-metadata'
import { sidecarMetadata } from './microscope/sidecar'
import type { MicroscopePage } from './microscope/metadata'
import { countMicroscopePages, readMicroscopeFile } from './microscope/microscope-file'
import type { PixelSize } from './microscope/pixel-size'
import { type Image, maxPixels } from './image'
import { picturePages } from './tiff-pixels'
import { withTiff } from './open-tiff'

export { parsePixelSize, type PixelSize } from './microscope/pixel-size'

/** Which page is read, what is cut off, and a pixel size in the place of the file’s. */
export interface MicrographOptions {
  /** Page of a TIFF or image of a microscope's stack, from 0 (the default); thumbnails do not count. */
  page?: number
  /** What is cut off at the bottom: the info bar if there is one ('auto', the default), nothing, or a number of rows. */
  crop?: 'auto' | 'none' | number
  /** Overrides the pixel size that the file records. */
  pixelSize?: PixelSize
}

/** A microscope’s image with what its file says about it. */
export interface Micrograph {
  /** Without the rows that were cut off. */
  image: Image
  /** The rows that were cut off, as an image; null if none were. */
  bar: Image | null
  pages: number
  page: number
  /** Number of rows cut off. */
  croppedBottom: number
  /** Null if nothing reliable records it. */
  pixelSize: PixelSize | null
  /** Metadata of the file that were rejected, as messages for the user. */
  remarks: string[]
}

/**
 * Reads a micrograph. The pixel size comes from the tags of FEI and Thermo Fisher, Zeiss, TESCAN, Phenom, JEOL, Gatan, OME
 * and ImageJ, from Gatan's DM3 and DM4 and from EMD, or from the text file that JEOL, Hitachi, TESCAN and Thermo Fisher write beside the
 * image; it is never guessed.
 * @throws UserError naming the file, as readImage does, or if no row would be left
 * @example
 * const { image, pixelSize } = await readMicrograph('particles.tif')
 * const { masks } = await generate(model, { width: image.width, height: image.height, rgb: toRGB8(image) })
 * const nanometres = pixelSize && masks.map(({ area }) => 2e9 * Math.sqrt(area / Math.PI) * pixelSize.metres)
 */
export function readMicrograph(path: string, options: MicrographOptions = {}): Promise<Micrograph> {
  const { page = 0, crop = 'auto' } = options
  return namingFile(path, async () => {
    const { image, pages, metadata, remarks } = await readPage(path, page)
    const { width, height } = image
    const found = checkMetadata([...metadata, ...(await sidecarMetadata(path))], width, height)
    const cut = crop === 'none' ? 0 : crop === 'auto' ? infoBarRows(image, found) : crop
    if (!Number.isInteger(cut) || cut < 0)
      throw new Error(`the number of rows to cut off must be a whole number from 0, not ${cut}`)
    if (cut >= height) throw new Error(`${cut} rows cannot be cut off at the bottom: the image has ${height}`)
    return {
      image: withoutBottom(image, cut),
      bar: bottomOf(image, cut),
      pages,
      page,
      croppedBottom: cut,
      pixelSize: options.pixelSize ?? found.pixelSize,
      remarks: [...remarks, ...valueRemarks(image), ...(options.pixelSize ? [] : found.remarks)],
    }
  })
}

/** The number of pages of an image file: one except for TIFFs and stacks of microscopes; thumbnails do not count. @throws UserError naming the file */
export function countPages(path: string): Promise<number> {
  return namingFile(path, async () => {
    const format = await sniffImage(path)
    if (format === 'dm' || format === 'hdf5') return countMicroscopePages(path, format)
    return format === 'tiff' ? withTiff(path, async (tiff) => (await picturePages(tiff)).length) : 1
  })
}

async function readPage(path: string, page: number): Promise<MicroscopePage> {
  const format = await sniffImage(path)
  if (format === 'dm' || format === 'hdf5') return readMicroscopeFile(path, format, page, maxPixels)
  if (format !== 'tiff') {
    const image = await readImage(path, { page })
    return { image, pages: 1, metadata: format === 'jpeg' ? await jpegMetadata(path) : [], remarks: [] }
  }
  return withTiff(path, async (tiff) => {
    const pictures = await picturePages(tiff)
    const image = await readTiffPage(path, tiff, page)
    const { statedImages = 0 } = tiff
    const missing = `ImageJ's description says that the file holds ${statedImages} images, but ${tiff.pages.length === 1 ? 'one was' : `${tiff.pages.length} were`} found`
    return {
      image,
      pages: pictures.length,
      metadata: await tiffMetadata(tiff, tiff.pages[pictures[page]]),
      remarks: statedImages > tiff.pages.length ? [missing] : [],
    }
  })
}
