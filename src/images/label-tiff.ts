/** @file Label maps as TIFF files that ImageJ and other programs open: 16-bit gray, deflate, in strips. It runs in any host. */
import type { LabelMap } from '../../engine/image/label-map'

/** Bytes of a strip before compression. */
const STRIP_BYTES = 2 ** 18

/**
 * The bytes of a label map's file.
 * @param pixelSize side of a pixel in metres: ImageJ then displays and measures lengths
 * @param deflate compresses to a zlib stream
 * @throws Error if the data do not fit the size
 */
export async function labelTiff(
  { width, height, data }: LabelMap,
  pixelSize: number | undefined,
  deflate: (bytes: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(width >= 1 && height >= 1) || data.length !== width * height)
    throw new Error(`${width}x${height} labels expected, ${data.length} given`)
  const rows = Math.max(1, Math.floor(STRIP_BYTES / (2 * width)))
  const strips: Uint8Array[] = []
  for (let y = 0; y < height; y += rows)
    strips.push(await deflate(bytesOf(data.subarray(y * width, (y + rows) * width))))
  return assemble(width, height, rows, strips, pixelSize)
}

/** Little-endian bytes, on any machine. */
function bytesOf(values: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(2 * values.length)
  const view = viewOf(bytes)
  for (let i = 0; i < values.length; i++) view.setUint16(2 * i, values[i], true)
  return bytes
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
  return all
}

/** TIFF types of values. */
const [ASCII, SHORT, LONG, RATIONAL] = [2, 3, 4, 5] as const
/** Numbers of the TIFF tags that are written. */
const TAG = {
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  imageDescription: 270,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  xResolution: 282,
  yResolution: 283,
  resolutionUnit: 296,
} as const
/** Values of these tags. */
const DEFLATE = 8
const MIN_IS_BLACK = 1
const NO_UNIT = 1

type Field = [tag: number, type: typeof ASCII | typeof SHORT | typeof LONG | typeof RATIONAL, values: number[] | string]

function assemble(
  width: number,
  height: number,
  rows: number,
  strips: Uint8Array[],
  pixelSize?: number,
): Uint8Array<ArrayBuffer> {
  const offsets: number[] = []
  let end = 8
  for (const strip of strips) {
    offsets.push(end)
    end += strip.length + (strip.length & 1) // directories and values must start at even offsets
  }
  const scale = pixelSize === undefined ? undefined : resolution(pixelSize)
  const fields: Field[] = [
    [TAG.imageWidth, LONG, [width]],
    [TAG.imageLength, LONG, [height]],
    [TAG.bitsPerSample, SHORT, [16]],
    [TAG.compression, SHORT, [DEFLATE]],
    [TAG.photometric, SHORT, [MIN_IS_BLACK]],
    ...(scale ? ([[TAG.imageDescription, ASCII, `ImageJ=1.53t\nunit=${scale.unit}\n`]] as Field[]) : []),
    [TAG.stripOffsets, LONG, offsets],
    [TAG.samplesPerPixel, SHORT, [1]],
    [TAG.rowsPerStrip, LONG, [rows]],
    [TAG.stripByteCounts, LONG, strips.map(({ length }) => length)],
    ...(scale ? ([TAG.xResolution, TAG.yResolution].map((tag) => [tag, RATIONAL, scale.perUnit]) as Field[]) : []),
    ...(scale ? ([[TAG.resolutionUnit, SHORT, [NO_UNIT]]] as Field[]) : []),
  ]
  const header = Uint8Array.of(0x49, 0x49, 42, 0, 0, 0, 0, 0)
  viewOf(header).setUint32(4, end, true)
  const padded = strips.flatMap((strip) => (strip.length & 1 ? [strip, new Uint8Array(1)] : [strip]))
  return concatenated([header, ...padded, directory(fields, end)])
}

/** The bytes of a directory that starts at offset `at` of the file, followed by its longer values. */
function directory(fields: Field[], at: number): Uint8Array {
  const entries = new Uint8Array(2 + 12 * fields.length + 4)
  const view = viewOf(entries)
  view.setUint16(0, fields.length, true)
  const values: Uint8Array[] = []
  let end = at + entries.length
  fields.forEach(([tag, type, given], i) => {
    const bytes = encode(type, given)
    const from = 2 + 12 * i
    view.setUint16(from, tag, true)
    view.setUint16(from + 2, type, true)
    const count = type === ASCII ? bytes.length : type === RATIONAL ? given.length / 2 : given.length
    view.setUint32(from + 4, count, true)
    if (bytes.length <= 4) return entries.set(bytes, from + 8)
    view.setUint32(from + 8, end, true)
    values.push(bytes, new Uint8Array(bytes.length & 1))
    end += bytes.length + (bytes.length & 1)
  })
  return concatenated([entries, ...values])
}

function encode(type: Field[1], values: Field[2]): Uint8Array {
  if (typeof values === 'string') return Uint8Array.from(`${values}\0`, (character) => character.charCodeAt(0))
  const size = type === SHORT ? 2 : 4
  const bytes = new Uint8Array(size * values.length)
  const view = viewOf(bytes)
  values.forEach((value, i) => (size === 2 ? view.setUint16(2 * i, value, true) : view.setUint32(4 * i, value, true)))
  return bytes
}

/** Pixels per unit as a fraction, in the unit in which a pixel measures 1 to 1000. */
function resolution(metres: number): { unit: string; perUnit: [number, number] } {
  const [unit, inUnit] =
    metres < 1e-6 ? ['nm', metres * 1e9] : metres < 1e-3 ? ['micron', metres * 1e6] : ['mm', metres * 1e3]
  const parts = inUnit < 4 ? 1e9 : 1e6
  return { unit, perUnit: [parts, Math.max(1, Math.round(inUnit * parts))] }
}
