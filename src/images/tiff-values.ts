/**
 * @file Reads the values of a TIFF page exactly as they are stored: nothing scaled, inverted or coloured. For label maps, and
 * for kinds of pixels that sharp reads wrongly or not at all.
 */
import { checkClaim, type Image, maxBytes, maxPixels } from './image'
import { isMissing, TAG, type PageFormat } from './tiff-pixels'
import type { TiffFile, TiffPage } from './tiff-tags'
import { unpack, unpackable } from './unpack'

/** True if storedValues reads this page. */
export const canReadStored = ({ compression }: PageFormat): boolean => unpackable.includes(compression)

/** The bytes of all strips or tiles together may be this many times those of the file. */
const MAX_SHARING = 64

type Values = Image['data']

/** How the pixels of one strip or tile are laid out. */
interface Chunks {
  /** Size of a strip or tile in pixels. */
  width: number
  height: number
  /** Strips or tiles beside each other, and below each other. */
  across: number
  down: number
  offsets: number[]
  counts: number[]
}

/**
 * A channel of a page, the first by default, (height, width): unsigned integers of up to 8 and of 16 bits keep their type, all other values
 * become 32-bit floats (integers are exact up to 2^24).
 * @throws Error if the file is damaged or truncated; only pages that canReadStored may be passed
 */
export async function storedValues(tiff: TiffFile, page: TiffPage, format: PageFormat, channel = 0): Promise<Values> {
  const { width, height, bits, samples, planar } = format
  const small = format.format !== 2 && format.format !== 3 && bits <= 16
  checkClaim(width, height, width * height * (small ? Math.ceil(bits / 8) : 4), tiff.size, maxPixels)
  const chunks = await chunksOf(tiff, page, format, planar ? channel : 0)
  const perPixel = planar ? 1 : samples
  const rowBytes = Math.ceil((chunks.width * perPixel * bits) / 8)
  const out: Values = small
    ? new (bits > 8 ? Uint16Array : Uint8Array)(width * height)
    : new Float32Array(width * height)
  const blank = (await nodataOf(tiff, page)) ?? 0
  const fillOrder = (await tiff.numbers(page, TAG.fillOrder, 1))[0] ?? 1
  const predictor = (await tiff.numbers(page, TAG.predictor, 1))[0] ?? 1
  if (![1, 2, 3].includes(predictor)) throw new Error(`the TIFF predictor ${predictor} is not supported`)
  for (let down = 0; down < chunks.down; down++)
    for (let across = 0; across < chunks.across; across++) {
      const i = down * chunks.across + across
      const [y0, x0] = [down * chunks.height, across * chunks.width]
      // the last strip may be shorter; tiles are always whole
      const rows = format.tiled ? chunks.height : Math.min(chunks.height, height - y0)
      const length = rows * rowBytes
      const [columns, lines] = [Math.min(chunks.width, width - x0), Math.min(rows, height - y0)]
      if (isMissing(chunks.offsets[i], chunks.counts[i])) {
        for (let y = y0; y < y0 + lines; y++) out.fill(blank, y * width + x0, y * width + x0 + columns)
        continue
      }
      let packed = await tiff.at(
        chunks.offsets[i],
        format.compression === 1 ? Math.min(chunks.counts[i], length) : chunks.counts[i],
      )
      if (fillOrder === 2) packed = packed.map(reverseBits)
      const bytes = Uint8Array.from(await unpack(packed, format.compression, length, tiff.source.inflate))
      const swapped = undoPredictor(bytes, predictor, rowBytes, perPixel, bits, tiff.bigEndian)
      const value = reader(bytes, format, swapped || tiff.bigEndian)
      for (let y = 0; y < lines; y++)
        for (let x = 0, to = (y0 + y) * width + x0; x < columns; x++, to++)
          out[to] = value(y * rowBytes, x * perPixel + (planar ? 0 : channel))
    }
  return out
}

/** @param plane of a page whose channels are stored one after the other */
async function chunksOf(
  tiff: TiffFile,
  page: TiffPage,
  { width, height, tiled }: PageFormat,
  plane: number,
): Promise<Chunks> {
  const one = async (tag: number, absent: number) => (await tiff.numbers(page, tag, 1))[0] ?? absent
  const size = tiled
    ? { width: await one(TAG.tileWidth, 0), height: await one(TAG.tileLength, 0) }
    : { width, height: Math.min(height, await one(TAG.rowsPerStrip, height)) }
  if (!(size.width >= 1 && size.height >= 1)) throw new Error('the TIFF is damaged: its strips or tiles have no size')
  if (size.width * size.height > 2 * maxBytes) throw new Error('the TIFF is damaged: its tiles are too large')
  const [across, down] = [Math.ceil(width / size.width), Math.ceil(height / size.height)]
  const first = plane * across * down
  const number = first + across * down
  const offsets = await tiff.numbers(page, tiled ? TAG.tileOffsets : TAG.stripOffsets, number)
  const counts = await tiff.numbers(page, tiled ? TAG.tileByteCounts : TAG.stripByteCounts, number)
  if (offsets.length < number || counts.length < number)
    throw new Error('the TIFF is truncated: it contains fewer values than its size requires')
  if (counts.every((count, i) => isMissing(offsets[i], count)))
    throw new Error('the TIFF is truncated: none of its strips or tiles is in the file')
  // blank strips may share their bytes, but not so often that reading them takes hours
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total > MAX_SHARING * tiff.size) throw new Error('the TIFF is damaged: its strips or tiles overlap')
  return { ...size, across, down, offsets: offsets.slice(first), counts: counts.slice(first) }
}

/** The value that marks pixels without data; undefined if the page does not say it. */
export async function nodataOf(tiff: TiffFile, page: TiffPage): Promise<number | undefined> {
  const text = (await tiff.text(page, TAG.nodata))?.trim()
  const value = text ? Number(text.slice(0, 64)) : NaN
  return Number.isFinite(value) ? value : undefined
}

/** The value of a sample by the offset of its row in bytes and its number in the row. */
function reader(
  bytes: Uint8Array,
  { bits, format }: PageFormat,
  bigEndian: boolean,
): (row: number, sample: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = !bigEndian
  if (bits < 8)
    return (row, sample) => {
      const at = sample * bits
      return (bytes[row + (at >> 3)] >> (8 - bits - (at & 7))) & (2 ** bits - 1)
    }
  const at = (row: number, sample: number) => row + (sample * bits) / 8
  const [signed, float] = [format === 2, format === 3]
  if (bits === 8) return (row, s) => (signed ? view.getInt8(row + s) : bytes[row + s])
  if (bits === 16 && float) return (row, s) => halfToNumber(view.getUint16(at(row, s), little))
  if (bits === 16) return (row, s) => (signed ? view.getInt16(at(row, s), little) : view.getUint16(at(row, s), little))
  if (bits === 32 && float) return (row, s) => view.getFloat32(at(row, s), little)
  if (bits === 32) return (row, s) => (signed ? view.getInt32(at(row, s), little) : view.getUint32(at(row, s), little))
  if (float) return (row, s) => view.getFloat64(at(row, s), little)
  return (row, s) => Number(signed ? view.getBigInt64(at(row, s), little) : view.getBigUint64(at(row, s), little))
}

/** Undoes the predictor in place. @returns true if the values are now big-endian whatever the file's order */
function undoPredictor(
  bytes: Uint8Array,
  predictor: number,
  rowBytes: number,
  perPixel: number,
  bits: number,
  bigEndian: boolean,
): boolean {
  if (predictor === 1) return false
  if (bits < 8) throw new Error(`a TIFF predictor with ${bits}-bit values is not supported`)
  const size = bits / 8
  for (let row = 0; row < bytes.length; row += rowBytes) {
    if (predictor === 3) {
      // each row holds the differences of its bytes: the highest bytes of all values, then the next ones, …
      for (let i = row + perPixel; i < row + rowBytes; i++) bytes[i] += bytes[i - perPixel]
      const planes = Uint8Array.from(bytes.subarray(row, row + rowBytes))
      const count = rowBytes / size
      for (let i = 0; i < count; i++) for (let b = 0; b < size; b++) bytes[row + i * size + b] = planes[b * count + i]
      continue
    }
    for (let i = row + perPixel * size; i < row + rowBytes; i += size) {
      // addition byte by byte, from the lowest byte, carries over
      let carry = 0
      for (let b = 0; b < size; b++) {
        const at = i + (bigEndian ? size - 1 - b : b)
        const sum = bytes[at] + bytes[at - perPixel * size] + carry
        bytes[at] = sum
        carry = sum >> 8
      }
    }
  }
  return predictor === 3
}

const reverseBits = (byte: number): number => {
  let reversed = 0
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) reversed |= 128 >> bit
  return reversed
}

/** The value of an IEEE 754 half-precision float. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction)
}
