/** @file TIFF pages of gray, colour and palettes without a library that decodes them: for hosts that have none. */
import type { Image } from './image'
import { turnUpright } from './orientation'
import { readStored } from './stored-image'
import { lossyCompression, pageFormat, picturePages, TAG } from './tiff-pixels'
import type { TiffFile, TiffPage } from './tiff-tags'
import { canReadStored, nodataOf, storedValues } from './tiff-values'

/** PhotometricInterpretation. */
const [PALETTE, YCBCR] = [3, 6]

/**
 * Reads the first picture of a TIFF, as readImage does.
 * @throws Error without the file's name: damaged, or of a kind that needs a library, with what to do
 */
export async function readPlainTiff(tiff: TiffFile): Promise<{ image: Image; page: TiffPage; pages: number }> {
  const pictures = await picturePages(tiff)
  const page = tiff.pages[pictures[0]]
  const format = await pageFormat(tiff, page)
  if (!canReadStored(format) || format.photometric === YCBCR)
    throw new Error(
      `it is compressed by ${lossyCompression(format) ?? `TIFF's method ${format.compression}`}, which this page does not read: save it ` +
        'without compression, or with LZW or deflate',
    )
  const image =
    format.photometric === PALETTE
      ? await coloured(tiff, page, await storedValues(tiff, page, format), format)
      : await readStored(tiff, page, format)
  const nodata = await nodataOf(tiff, page)
  return {
    image: turnUpright(nodata === undefined ? image : { ...image, nodata }, format.orientation),
    page,
    pages: pictures.length,
  }
}

/** Indices of a palette as 8-bit colours. */
async function coloured(
  tiff: TiffFile,
  page: TiffPage,
  indices: Image['data'],
  { width, height }: { width: number; height: number },
): Promise<Image> {
  const map = await tiff.numbers(page, TAG.colourMap, 3 * 65_536)
  const size = Math.floor(map.length / 3)
  if (!size) throw new Error('the TIFF is damaged: its palette is missing')
  // some programs write colours of 8 bits into the map of 16
  const shift = map.some((value) => value > 255) ? 8 : 0
  const data = new Uint8Array(3 * indices.length)
  for (let i = 0; i < indices.length; i++)
    for (let c = 0; c < 3; c++) data[3 * i + c] = map[c * size + Math.min(size - 1, indices[i])] >> shift
  return { width, height, channels: 3, data, depth: 8 }
}
