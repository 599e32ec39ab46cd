/** @file Writes label maps as TIFF files that ImageJ and other programs open: 16-bit gray, deflate, in strips. */
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { LabelMap } from '../../engine/image/label-map'
import { writeFileAtomic } from '../host/files'

const compress = promisify(deflate)
/** Bytes of a strip before compression. */
const STRIP_BYTES = 2 ** 18

/**
 * Writes a label map exactly, under a temporary name that is then renamed.
 * @param options.pixelSize side of a pixel in metres: ImageJ then displays and measures lengths
 * @throws Error if the data do not fit the size
 */
export async function writeLabelTiff(
  path: string,
  { width, height, data }: LabelMap,
  options: { pixelSize?: number } = {},
): Promise<void> {
  if (!(width >= 1 && height >= 1) || data.length !== width * height)
    throw new Error(`${path}: ${width}x${height} labels expected, ${data.length} given`)
  const rows = Math.max(1, Math.floor(STRIP_BYTES / (2 * width)))
  const strips: Buffer[] = []
  for (let y = 0; y < height; y += rows)
    strips.push(await compress(bytesOf(data.subarray(y * width, (y + rows) * width))))
  await writeFileAtomic(path, assemble(width, height, rows, strips, options.pixelSize))
}

/** Little-endian bytes, on any machine. */
function bytesOf(values: Uint16Array): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (let i = 0; i < values.length; i++) bytes.writeUInt16LE(values[i], 2 * i)
  return bytes
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

function assemble(width: number, height: number, rows: number, strips: Buffer[], pixelSize?: number): Buffer {
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
  const header = Buffer.from('II*\0\0\0\0\0', 'latin1')
  header.writeUInt32LE(end, 4)
  const padded = strips.flatMap((strip) => (strip.length & 1 ? [strip, Buffer.alloc(1)] : [strip]))
  return Buffer.concat([header, ...padded, directory(fields, end)])
}

/** The bytes of a directory that starts at offset `at` of the file, followed by its longer values. */
function directory(fields: Field[], at: number): Buffer {
  const entries = Buffer.alloc(2 + 12 * fields.length + 4)
  entries.writeUInt16LE(fields.length, 0)
  const values: Buffer[] = []
  let end = at + entries.length
  fields.forEach(([tag, type, given], i) => {
    const bytes = encode(type, given)
    const from = 2 + 12 * i
    entries.writeUInt16LE(tag, from)
    entries.writeUInt16LE(type, from + 2)
    entries.writeUInt32LE(type === ASCII ? bytes.length : type === RATIONAL ? given.length / 2 : given.length, from + 4)
    if (bytes.length <= 4) return void bytes.copy(entries, from + 8)
    entries.writeUInt32LE(end, from + 8)
    values.push(bytes, Buffer.alloc(bytes.length & 1))
    end += bytes.length + (bytes.length & 1)
  })
  return Buffer.concat([entries, ...values])
}

function encode(type: Field[1], values: Field[2]): Buffer {
  if (typeof values === 'string') return Buffer.from(`${values}\0`, 'latin1')
  const size = type === SHORT ? 2 : 4
  const bytes = Buffer.alloc(size * values.length)
  values.forEach((value, i) => bytes.writeUIntLE(value, i * size, size))
  return bytes
}

/** Pixels per unit as a fraction, in the unit in which a pixel measures 1 to 1000. */
function resolution(metres: number): { unit: string; perUnit: [number, number] } {
  const [unit, inUnit] =
    metres < 1e-6 ? ['nm', metres * 1e9] : metres < 1e-3 ? ['micron', metres * 1e6] : ['mm', metres * 1e3]
  const parts = inUnit < 4 ? 1e9 : 1e6
  return { unit, perUnit: [parts, Math.max(1, Math.round(inUnit * parts))] }
}
