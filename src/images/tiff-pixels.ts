/** @file What a TIFF page's values are, and reading the kinds that sharp cannot: 16-bit signed, half and double floats. */
import { maxBytes, type Image } from './pixels'
import type { TiffFile, TiffPage } from './tiff-tags'

export interface PageFormat {
  width: number
  height: number
  bits: number
  samples: number
  /** 0 min-is-white, 1 min-is-black, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, … */
  photometric: number
  /** 1 unsigned, 2 signed, 3 float, 4 undefined, 5 and 6 complex */
  format: number
  compression: number
}

/** The places, among all directories, of those that are pictures: not thumbnails, not transparency masks. */
export async function picturePages(tiff: TiffFile): Promise<number[]> {
  const places: number[] = []
  for (const [place, page] of tiff.pages.entries()) {
    const [subfile = 0] = await tiff.numbers(page, 254, 1)
    if (!(subfile & 5)) places.push(place)
  }
  return places.length ? places : [...tiff.pages.keys()]
}

/** Reads what a page says of its values. @throws Error where it is none that is read exactly */
export async function pageFormat(tiff: TiffFile, page: TiffPage): Promise<PageFormat> {
  const one = async (tag: number, absent: number) => (await tiff.numbers(page, tag, 1))[0] ?? absent
  const bits = await tiff.numbers(page, 258)
  const formats = await tiff.numbers(page, 339)
  const format: PageFormat = {
    width: await one(256, 0),
    height: await one(257, 0),
    bits: bits[0] ?? 1,
    samples: await one(277, 1),
    photometric: await one(262, 1),
    format: formats[0] ?? 1,
    compression: await one(259, 1),
  }
  if (!(format.width >= 1 && format.height >= 1))
    throw new Error(`a TIFF page of ${format.width}x${format.height} pixels has no picture`)
  const reason = unreadable(format, bits, formats)
  if (reason) throw new Error(`${reason}: save it as 8 or 16 bit gray or RGB`)
  return format
}

function unreadable(page: PageFormat, bits: number[], formats: number[]): string {
  if (page.photometric === 5) return 'CMYK, colours for print, is not read'
  if (![0, 1, 2, 3, 6].includes(page.photometric)) return `TIFF colours of kind ${page.photometric} are not read`
  if (page.format === 5 || page.format === 6) return 'complex values are not read'
  if (bits.some((b) => b !== page.bits) || formats.some((f) => f !== page.format))
    return 'channels of different kinds are not read'
  const float = page.format === 3
  if (!(float ? [16, 32, 64] : [1, 2, 4, 8, 16, 32]).includes(page.bits))
    return `${page.bits}-bit ${float ? 'floats are' : 'integers are'} not read`
  if (isUnusual(page) && page.samples > 1) return `${kind(page)} are read of one channel only`
  if (page.photometric === 0 && (page.format !== 1 || page.bits > 16)) return `min-is-white ${kind(page)} are not read`
  if (page.bits === 64 && page.compression !== 1) return '64-bit floats are read uncompressed only'
  return ''
}

const kind = ({ bits, format }: PageFormat) =>
  `${bits}-bit ${format === 3 ? 'floats' : format === 2 ? 'signed integers' : 'integers'}`

/** Whether sharp would read the values wrongly or not at all. */
export const isUnusual = ({ bits, format }: PageFormat): boolean =>
  (bits === 16 && (format === 2 || format === 3)) || bits === 64

/** The page of a whole file with its 16-bit values declared unsigned: so sharp gives their bits, whatever they mean. */
export function declareUnsigned(file: Buffer, page: TiffPage, bigEndian: boolean): Buffer {
  const { fieldAt } = page.get(339)!
  if (bigEndian) file.writeUInt16BE(1, fieldAt)
  else file.writeUInt16LE(1, fieldAt)
  return file
}

/** Bits of 16-bit values as the numbers that they are: signed integers, or half floats. */
export function fromBits(bits: Uint16Array, format: number): Float32Array {
  const values = new Float32Array(bits.length)
  if (format === 2) values.set(new Int16Array(bits.buffer, bits.byteOffset, bits.length))
  else for (let i = 0; i < bits.length; i++) values[i] = half(bits[i])
  return values
}

/** IEEE 754 half precision. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction)
}

/** The uncompressed strips of a page of double floats, as floats. */
export async function readDoubles(tiff: TiffFile, page: TiffPage, { width, height }: PageFormat): Promise<Image> {
  const strips = await tiff.numbers(page, 273, height)
  const counts = await tiff.numbers(page, 279, height)
  if (!strips.length || strips.length !== counts.length) throw new Error('64-bit floats are read from strips only')
  const data = new Float32Array(width * height)
  let to = 0
  for (let i = 0; i < strips.length && to < data.length; i++) {
    const length = Math.min(counts[i], (data.length - to) * 8)
    if (length > maxBytes) throw new Error(`a strip of ${length} bytes is not read`)
    const bytes = await tiff.at(strips[i], length)
    for (let at = 0; at + 8 <= length; at += 8)
      data[to++] = tiff.bigEndian ? bytes.readDoubleBE(at) : bytes.readDoubleLE(at)
  }
  if (to < data.length) throw new Error('the TIFF is cut off: its strips hold fewer values than its size tells')
  return { width, height, channels: 1, data, depth: 32 }
}
