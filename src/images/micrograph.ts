/** @file Images as microscopes write them: a page, without the info bar, with the size of its pixels. */
import { imageKind, naming, readImage, readTiffPage } from './image-file'
import { findInfoBar, looksLikeBar } from './info-bar'
import { jpegNotes, judge, sidecarNotes, tiffNotes, type Findings } from './microscope'
import type { Note } from './microscope/note'
import type { PixelSize } from './microscope/pixel-size'
import type { Image } from './pixels'
import { picturePages } from './tiff-pixels'
import { TiffFile } from './tiff-tags'

export { parsePixelSize, type PixelSize } from './microscope/pixel-size'

export interface MicrographOptions {
  /** from 0, the first if none is given; thumbnails do not count */
  page?: number
  /** what is cut off at the bottom: the info bar if there is one (the default), nothing, or so many rows */
  crop?: 'auto' | 'none' | number
  /** counts more than what the file says */
  pixelSize?: PixelSize
}

export interface Micrograph {
  /** without the rows that were cut off */
  image: Image
  pages: number
  page: number
  croppedBottom: number
  /** null where nothing certain tells */
  pixelSize: PixelSize | null
  /** what the file says and was not believed, for people */
  remarks: string[]
}

/**
 * Reads a micrograph. The pixel size comes from the tags of FEI and Thermo Fisher, Zeiss, TESCAN, Phenom, JEOL and
 * ImageJ, or from the text file that JEOL, Hitachi and TESCAN write beside the picture; it is never guessed.
 * @throws UserError naming the file, as readImage; or where no row of it would be left
 */
export function readMicrograph(path: string, options: MicrographOptions = {}): Promise<Micrograph> {
  const { page = 0, crop = 'auto' } = options
  return naming(path, async () => {
    const { image, pages, notes } = await readPage(path, page)
    const { width, height } = image
    const found = judge([...notes, ...(await sidecarNotes(path))], width, height)
    const cut = crop === 'none' ? 0 : crop === 'auto' ? infoBar(image, found) : crop
    if (!Number.isInteger(cut) || cut < 0) throw new Error(`rows to cut off are a whole number from 0, not ${cut}`)
    if (cut >= height) throw new Error(`${cut} rows cannot be cut off at the bottom, it has ${height}`)
    return {
      image: withoutBottom(image, cut),
      pages,
      page,
      croppedBottom: cut,
      pixelSize: options.pixelSize ?? found.pixelSize,
      remarks: options.pixelSize ? [] : found.remarks,
    }
  })
}

/** How many pages an image file has: one, but for TIFFs; thumbnails do not count. @throws UserError naming the file */
export function countPages(path: string): Promise<number> {
  return naming(path, async () =>
    (await imageKind(path)) === 'tiff' ? TiffFile.with(path, async (tiff) => (await picturePages(tiff)).length) : 1,
  )
}

async function readPage(path: string, page: number): Promise<{ image: Image; pages: number; notes: Note[] }> {
  const kind = await imageKind(path)
  if (kind !== 'tiff')
    return { image: await readImage(path, { page }), pages: 1, notes: kind === 'jpeg' ? await jpegNotes(path) : [] }
  return TiffFile.with(path, async (tiff) => {
    const places = await picturePages(tiff)
    const image = await readTiffPage(path, tiff, page)
    return { image, pages: places.length, notes: await tiffNotes(tiff, tiff.pages[places[page]]) }
  })
}

/** Rows of the info bar: by the microscope's word where it holds, else by the look of the picture. */
function infoBar(image: Image, { bar }: Findings): number {
  if (bar?.sure) return bar.rows
  if (bar && looksLikeBar(image, bar.rows)) return bar.rows
  return findInfoBar(image)
}

/** The upper rows; the values are not copied. */
function withoutBottom(image: Image, rows: number): Image {
  if (!rows) return image
  const height = image.height - rows
  return { ...image, height, data: image.data.subarray(0, height * image.width * image.channels) }
}
