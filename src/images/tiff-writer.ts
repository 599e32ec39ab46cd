/** @file Writes label maps as TIFFs that ImageJ and everything else opens: 16-bit gray, deflate, in strips. */
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { LabelMap } from '../../engine/image/transforms'
import { writeFileAtomic } from '../host/files'

const compress = promisify(deflate)
const stripBytes = 2 ** 18

/**
 * Writes a label map, exact, beside its place and then renamed.
 * @param options.pixelSize metres a pixel: ImageJ then shows and measures in units of length
 */
export async function writeLabelTiff(
  path: string,
  { width, height, data }: LabelMap,
  options: { pixelSize?: number } = {},
): Promise<void> {
  if (!(width >= 1 && height >= 1) || data.length !== width * height)
    throw new Error(`${path}: ${width}x${height} labels expected, ${data.length} given`)
  const rows = Math.max(1, Math.floor(stripBytes / (2 * width)))
  const strips: Buffer[] = []
  for (let y = 0; y < height; y += rows)
    strips.push(await compress(bytesOf(data.subarray(y * width, (y + rows) * width))))
  await writeFileAtomic(path, assemble(width, height, rows, strips, options.pixelSize))
}

/** Little-endian bytes, whatever the machine. */
function bytesOf(values: Uint16Array): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (let i = 0; i < values.length; i++) bytes.writeUInt16LE(values[i], 2 * i)
  return bytes
}

type Field = [tag: number, type: 2 | 3 | 4 | 5, values: number[] | string]

function assemble(width: number, height: number, rows: number, strips: Buffer[], pixelSize?: number): Buffer {
  const places: number[] = []
  let end = 8
  for (const strip of strips) {
    places.push(end)
    end += strip.length + (strip.length & 1) // directories and values begin on even places
  }
  const scale = pixelSize === undefined ? undefined : resolution(pixelSize)
  const fields: Field[] = [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, [16]],
    [259, 3, [8]],
    [262, 3, [1]],
    ...(scale ? ([[270, 2, `ImageJ=1.53t\nunit=${scale.unit}\n`]] as Field[]) : []),
    [273, 4, places],
    [277, 3, [1]],
    [278, 4, [rows]],
    [279, 4, strips.map(({ length }) => length)],
    ...(scale ? ([282, 283].map((tag) => [tag, 5, scale.perUnit]) as Field[]) : []),
    ...(scale ? ([[296, 3, [1]]] as Field[]) : []),
  ]
  const header = Buffer.from('II*\0\0\0\0\0', 'latin1')
  header.writeUInt32LE(end, 4)
  const padded = strips.flatMap((strip) => (strip.length & 1 ? [strip, Buffer.alloc(1)] : [strip]))
  return Buffer.concat([header, ...padded, directory(fields, end)])
}

/** The directory that begins at a place of the file, its longer values behind it. */
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
    entries.writeUInt32LE(type === 2 ? bytes.length : type === 5 ? given.length / 2 : given.length, from + 4)
    if (bytes.length <= 4) return void bytes.copy(entries, from + 8)
    entries.writeUInt32LE(end, from + 8)
    values.push(bytes, Buffer.alloc(bytes.length & 1))
    end += bytes.length + (bytes.length & 1)
  })
  return Buffer.concat([entries, ...values])
}

function encode(type: Field[1], values: Field[2]): Buffer {
  if (typeof values === 'string') return Buffer.from(`${values}\0`, 'latin1')
  const size = type === 3 ? 2 : 4
  const bytes = Buffer.alloc(size * values.length)
  values.forEach((value, i) => bytes.writeUIntLE(value, i * size, size))
  return bytes
}

/** Pixels a unit as a fraction, in the unit in which a pixel is 1 to 1000. */
function resolution(metres: number): { unit: string; perUnit: [number, number] } {
  const [unit, inUnit] =
    metres < 1e-6 ? ['nm', metres * 1e9] : metres < 1e-3 ? ['micron', metres * 1e6] : ['mm', metres * 1e3]
  const parts = inUnit < 4 ? 1e9 : 1e6
  return { unit, perUnit: [parts, Math.max(1, Math.round(inUnit * parts))] }
}
