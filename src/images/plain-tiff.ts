/** @file TIFF pages of gray, colour and palettes without a library that decodes them: for hosts that have none. */
import type { Image } from './image'
import { turnUpright } from './orientation'
import { nodataOf, readStored } from './stored-image'
import { lossyCompression, pageFormat, picturePages, TAG } from './tiff-pixels'
import type { TiffFile, TiffPage } from './tiff-tags'
import { canReadStored, storedValues } from './tiff-values'

/** PhotometricInterpretation. */
const [RGB, PALETTE, YCBCR] = [2, 3, 6]

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
  const { width, height, photometric } = format
  const depth = { Uint8Array: 8, Uint16Array: 16 } as Record<string, 8 | 16>
  let image: Image
  if (photometric === RGB) {
    const [r, g, b] = [
      await storedValues(tiff, page, format, 0),
      await storedValues(tiff, page, format, 1),
      await storedValues(tiff, page, format, 2),
    ]
    const data = new (r.constructor as Uint8ArrayConstructor)(3 * r.length)
    for (let i = 0, to = 0; i < r.length; i++) {
      data[to++] = r[i]
      data[to++] = g[i]
      data[to++] = b[i]
    }
    image = { width, height, channels: 3, data, depth: depth[r.constructor.name] ?? 32 }
  } else if (photometric === PALETTE) image = await coloured(tiff, page, await storedValues(tiff, page, format), format)
  else image = await readStored(tiff, page, format)
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
