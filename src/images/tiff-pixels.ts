/** @file The pixel format of a TIFF page, and which formats can be read. */
import type { TiffFile, TiffPage } from './tiff-tags'
import { unpackable } from './unpack'

/** Numbers of the TIFF tags that describe pixels. */
export const TAG = {
  newSubfileType: 254,
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  imageDescription: 270,
  stripOffsets: 273,
  orientation: 274,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  predictor: 317,
  colourMap: 320,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  /** One number for each channel beyond gray or colour: 1 and 2 are alpha, 0 is unspecified. */
  extraSamples: 338,
  sampleFormat: 339,
  /** GDAL's value for pixels without data, as text. */
  nodata: 42113,
} as const
/** Bits of NewSubfileType: 1 is a reduced-resolution image, 4 a transparency mask. */
const NOT_A_PICTURE = 1 | 4

export interface PageFormat {
  width: number
  height: number
  bits: number
  samples: number
  /** PhotometricInterpretation: 0 min-is-white, 1 min-is-black, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, … */
  photometric: number
  /** SampleFormat: 1 unsigned, 2 signed, 3 float, 4 undefined, 5 and 6 complex. */
  format: number
  compression: number
  /** True if the channels are stored one after the other, not interleaved. */
  planar: boolean
  tiled: boolean
  /** How the image must be turned to be upright; 1 if it is. */
  orientation: number
}

/** Indices of the pages that are pictures, not thumbnails or transparency masks; all pages if none is marked so. */
export async function picturePages(tiff: TiffFile): Promise<number[]> {
  const pictures: number[] = []
  for (const [index, page] of tiff.pages.entries()) {
    const [subfile = 0] = await tiff.numbers(page, TAG.newSubfileType, 1)
    if (!(subfile & NOT_A_PICTURE)) pictures.push(index)
  }
  return pictures.length ? pictures : [...tiff.pages.keys()]
}

/**
 * Reads a page's pixel format from its tags.
 * @param use 'labels' if values are taken as stored, 'picture' if they are shown
 * @throws Error if its values cannot be read exactly
 */
export async function pageFormat(
  tiff: TiffFile,
  page: TiffPage,
  use: 'picture' | 'labels' = 'picture',
): Promise<PageFormat> {
  const one = async (tag: number, absent: number) => (await tiff.numbers(page, tag, 1))[0] ?? absent
  const bits = await tiff.numbers(page, TAG.bitsPerSample)
  const formats = await tiff.numbers(page, TAG.sampleFormat)
  const samples = await one(TAG.samplesPerPixel, 1)
  const format: PageFormat = {
    width: await one(TAG.imageWidth, 0),
    height: await one(TAG.imageLength, 0),
    bits: bits[0] ?? 1,
    samples,
    // TIFF demands this tag; files that lack it are gray or RGB
    photometric: await one(TAG.photometric, samples < 3 ? 1 : 2),
    format: formats[0] ?? 1,
    compression: await one(TAG.compression, 1),
    planar: (await one(TAG.planarConfiguration, 1)) === 2,
    tiled: page.has(TAG.tileOffsets),
    orientation: await one(TAG.orientation, 1),
  }
  if (!(format.width >= 1 && format.height >= 1))
    throw new Error(`a TIFF page of ${format.width}x${format.height} pixels is empty`)
  const reason = unreadable(format, bits, formats, use)
  if (reason) throw new Error(reason)
  return format
}

/** Compressions that are not read, by the number of TIFF's Compression tag. */
const foreignCompressions: Record<number, string> = {
  32809: 'ThunderScan',
  34661: 'JBIG',
  34676: 'SGI LogLuv',
  34677: 'SGI LogLuv',
  33003: 'JPEG 2000',
  33004: 'JPEG 2000',
  33005: 'JPEG 2000',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34892: 'lossy JPEG of DNG',
  34925: 'LZMA',
  34926: 'ZSTD',
  34933: 'PNG',
  50000: 'ZSTD',
  22610: 'JPEG XR',
  34934: 'JPEG XR',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
}
/** Compressions that change values, by number. JPEG 2000, JPEG XR and others may do so too, but are not read at all. */
const lossyCompressions: Record<number, string> = { 6: 'JPEG', 7: 'JPEG', 50001: 'WebP' }
const WAY_OUT = 'save it without compression, or with LZW or deflate'

/** The name of a page's compression if it changes pixel values. */
export const lossyCompression = ({ compression }: PageFormat): string | undefined => lossyCompressions[compression]

function unreadable(page: PageFormat, bits: number[], formats: number[], use: 'picture' | 'labels'): string {
  const asPlain = (reason: string) => `${reason}: save it as 8-bit or 16-bit gray or RGB`
  const foreign = foreignCompressions[page.compression]
  if (foreign) return `it is compressed by ${foreign}, which is not read: ${WAY_OUT}`
  if (page.photometric === 5) return asPlain('CMYK, colours for print, is not supported')
  if (page.photometric === 32803) return asPlain('raw data of a camera with a colour filter are not supported')
  if (![0, 1, 2, 3, 6].includes(page.photometric))
    return asPlain(`the TIFF colour space ${page.photometric} is not supported`)
  if (page.format === 5 || page.format === 6) return asPlain('complex values are not supported')
  if (bits.some((b) => b !== page.bits) || formats.some((f) => f !== page.format))
    return asPlain('channels of different types are not supported')
  const float = page.format === 3
  if (!(float ? [16, 32, 64] : [1, 2, 4, 8, 16, 32, 64]).includes(page.bits))
    return asPlain(`${page.bits}-bit ${float ? 'floats are' : 'integers are'} not supported`)
  if (isUnusual(page)) {
    if (page.photometric > 1) return asPlain(`${kind(page)} are supported for one channel only`)
    const { compression } = page
    if (!unpackable.includes(compression))
      return `${kind(page)} compressed by ${lossyCompressions[compression] ?? `TIFF's method ${compression}`} are not read: ${WAY_OUT}`
  }
  if (isPlanarGray(page) && !unpackable.includes(page.compression))
    return `gray channels one after the other, compressed by ${lossyCompressions[page.compression] ?? `TIFF's method ${page.compression}`}, are not read: ${WAY_OUT}`
  if (use === 'picture' && page.photometric === 0 && (page.format === 2 || float || page.bits > 16))
    return asPlain(`min-is-white ${kind(page)} are not supported`)
  return ''
}

const kind = ({ bits, format }: PageFormat) =>
  `${bits}-bit ${format === 3 ? 'floats' : format === 2 ? 'signed integers' : 'integers'}`

/** True if sharp would read the values wrongly or not at all. */
export const isUnusual = ({ bits, format }: PageFormat): boolean =>
  (bits === 16 && (format === 2 || format === 3)) || bits === 64

/** So many strips or tiles are looked at for missing ones. */
const MAX_BLOCKS = 2 ** 20

/** True if a strip or tile is not in the file: all its pixels are without data. */
export const isMissing = (offset: number, count: number): boolean => offset === 0 && count === 0

/**
 * True if sharp refuses the page for what can be read all the same: the tag of the colour space is missing, the orientation is none of
 * the eight, or strips or tiles are missing (GDAL leaves out blocks without data).
 */
export async function isIncomplete(
  tiff: TiffFile,
  page: TiffPage,
  { orientation, tiled }: PageFormat,
): Promise<boolean> {
  if (!page.has(TAG.photometric) || !(orientation >= 1 && orientation <= 8)) return true
  const counts = await tiff.numbers(page, tiled ? TAG.tileByteCounts : TAG.stripByteCounts, MAX_BLOCKS)
  if (!counts.includes(0)) return false
  const offsets = await tiff.numbers(page, tiled ? TAG.tileOffsets : TAG.stripOffsets, MAX_BLOCKS)
  return counts.some((count, i) => isMissing(offsets[i], count))
}

/** True if the page is gray with its channels one after the other: sharp mixes up their rows. */
export const isPlanarGray = ({ planar, samples, photometric }: PageFormat): boolean =>
  planar && samples > 1 && photometric <= 1
