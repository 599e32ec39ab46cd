/** @file The pixel format of a TIFF page, and reading the formats that sharp cannot: 16-bit signed, half and double floats. */
import { type Image, maxBytes } from './image'
import type { TiffFile, TiffPage } from './tiff-tags'

/** Numbers of the TIFF tags that describe pixels. */
const TAG = {
  newSubfileType: 254,
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samplesPerPixel: 277,
  stripByteCounts: 279,
  sampleFormat: 339,
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

/** Reads a page's pixel format from its tags. @throws Error if its values cannot be read exactly */
export async function pageFormat(tiff: TiffFile, page: TiffPage): Promise<PageFormat> {
  const one = async (tag: number, absent: number) => (await tiff.numbers(page, tag, 1))[0] ?? absent
  const bits = await tiff.numbers(page, TAG.bitsPerSample)
  const formats = await tiff.numbers(page, TAG.sampleFormat)
  const format: PageFormat = {
    width: await one(TAG.imageWidth, 0),
    height: await one(TAG.imageLength, 0),
    bits: bits[0] ?? 1,
    samples: await one(TAG.samplesPerPixel, 1),
    photometric: await one(TAG.photometric, 1),
    format: formats[0] ?? 1,
    compression: await one(TAG.compression, 1),
  }
  if (!(format.width >= 1 && format.height >= 1))
    throw new Error(`a TIFF page of ${format.width}x${format.height} pixels is empty`)
  const reason = unreadable(format, bits, formats)
  if (reason) throw new Error(`${reason}: save it as 8-bit or 16-bit gray or RGB`)
  return format
}

function unreadable(page: PageFormat, bits: number[], formats: number[]): string {
  if (page.photometric === 5) return 'CMYK, colours for print, is not supported'
  if (![0, 1, 2, 3, 6].includes(page.photometric)) return `the TIFF colour space ${page.photometric} is not supported`
  if (page.format === 5 || page.format === 6) return 'complex values are not supported'
  if (bits.some((b) => b !== page.bits) || formats.some((f) => f !== page.format))
    return 'channels of different types are not supported'
  const float = page.format === 3
  if (!(float ? [16, 32, 64] : [1, 2, 4, 8, 16, 32]).includes(page.bits))
    return `${page.bits}-bit ${float ? 'floats are' : 'integers are'} not supported`
  if (isUnusual(page) && page.samples > 1) return `${kind(page)} are supported for one channel only`
  if (page.photometric === 0 && (page.format !== 1 || page.bits > 16))
    return `min-is-white ${kind(page)} are not supported`
  if (page.bits === 64 && page.compression !== 1) return '64-bit floats are supported uncompressed only'
  return ''
}

const kind = ({ bits, format }: PageFormat) =>
  `${bits}-bit ${format === 3 ? 'floats' : format === 2 ? 'signed integers' : 'integers'}`

/** True if sharp would read the values wrongly or not at all. */
export const isUnusual = ({ bits, format }: PageFormat): boolean =>
  (bits === 16 && (format === 2 || format === 3)) || bits === 64

/** Declares a page's 16-bit values unsigned, in the bytes of the whole file: sharp then returns their bits unchanged. */
export function declareUnsigned(file: Buffer, page: TiffPage, bigEndian: boolean): Buffer {
  const { fieldAt } = page.get(TAG.sampleFormat)!
  if (bigEndian) file.writeUInt16BE(1, fieldAt)
  else file.writeUInt16LE(1, fieldAt)
  return file
}

/** Converts the bits of 16-bit values to numbers. @param format SampleFormat: 2 for signed integers, else half floats */
export function fromBits(bits: Uint16Array, format: number): Float32Array {
  const values = new Float32Array(bits.length)
  if (format === 2) values.set(new Int16Array(bits.buffer, bits.byteOffset, bits.length))
  else for (let i = 0; i < bits.length; i++) values[i] = halfToNumber(bits[i])
  return values
}

/** The value of an IEEE 754 half-precision float. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction)
}

/** Reads the uncompressed strips of a page of double floats, as 32-bit floats. @throws Error for tiles or truncated files */
export async function readDoubles(tiff: TiffFile, page: TiffPage, { width, height }: PageFormat): Promise<Image> {
  const strips = await tiff.numbers(page, TAG.stripOffsets, height)
  const counts = await tiff.numbers(page, TAG.stripByteCounts, height)
  if (!strips.length || strips.length !== counts.length)
    throw new Error('64-bit floats are supported in strips only, not in tiles')
  const data = new Float32Array(width * height)
  let to = 0
  for (let i = 0; i < strips.length && to < data.length; i++) {
    const length = Math.min(counts[i], (data.length - to) * 8)
    if (length > maxBytes) throw new Error(`a strip of ${length} bytes is too large`)
    const bytes = await tiff.at(strips[i], length)
    for (let at = 0; at + 8 <= length; at += 8)
      data[to++] = tiff.bigEndian ? bytes.readDoubleBE(at) : bytes.readDoubleLE(at)
  }
  if (to < data.length) throw new Error('the TIFF is truncated: its strips contain fewer values than its size requires')
  return { width, height, channels: 1, data, depth: 32 }
}
