/** @file Reads images of Gatan DigitalMicrograph (DM3, DM4) with the size of their pixels. */
import type { FileHandle } from 'node:fs/promises'
import { type Image, maxBytes, tooLarge } from '../image'
import {
  type DmArray,
  type DmFile,
  type DmGroup,
  dmSizes,
  type DmValue,
  groupAt,
  numberAt,
  withDmFile,
} from './dm-tags'
import type { MicroscopePage } from './metadata'
import { lengthOf } from './pixel-size'

/** The type of number (see DmArray) of each of DigitalMicrograph's types of images. */
const numberTypes: Record<number, number> = { 1: 2, 2: 6, 6: 10, 7: 3, 9: 9, 10: 4, 11: 5, 12: 7 }
const [UINT8, UINT16, BINARY] = [6, 10, 14]
/** Colours: bytes blue, green, red and one that is not used. */
const COLOURS = [8, 23]
const COMPLEX = [3, 5, 13]
/** Rows of values are decoded in pieces of about this many bytes. */
const PIECE = 2 ** 22

interface Found {
  width: number
  height: number
  pages: number
  type: number
  data: DmArray
  tags: DmGroup
}

/**
 * Reads an image: the largest in the file that is not its thumbnail.
 * @param page image of a stack, from 0
 * @throws Error without the file's name
 */
export const readDm = (path: string, page: number, maxPixels: number): Promise<MicroscopePage> =>
  withDmFile(path, async (file) => {
    const found = findImage(file.root)
    const { width, height, pages, tags } = found
    if (page >= pages)
      throw new Error(`it has ${pages === 1 ? 'one page' : `${pages} pages`}, there is no page ${page + 1}`)
    if (!(width * height <= maxPixels)) throw new Error(tooLarge(width, height, maxPixels))
    const image = await readPixels(file, found, page)
    return { image, pages, ...pixelSizeOf(`Gatan DM${file.version} file`, tags, width) }
  })

/** The number of images of a stack. @throws Error without the file's name */
export const countDmPages = (path: string): Promise<number> =>
  withDmFile(path, async ({ root }) => findImage(root).pages)

const numberIn = (group: DmGroup | undefined, name: string): number | undefined => {
  const value: DmValue | undefined = group?.get(name)
  return typeof value === 'number' ? value : undefined
}
const textIn = (group: DmGroup | undefined, name: string): string => {
  const value = group?.get(name)
  return typeof value === 'string' ? value.replace(/\0+$/, '').trim() : ''
}

/** @throws Error that says which images there are, if none can be read */
function findImage(root: DmGroup): Found {
  const thumbnails = new Set(
    [...(groupAt(root, 'Thumbnails')?.values() ?? [])].map((entry) =>
      entry instanceof Map ? numberIn(entry, 'ImageIndex') : undefined,
    ),
  )
  const list = [...(groupAt(root, 'ImageList')?.values() ?? [])]
  const pictures: Found[] = []
  const others: string[] = []
  const all = list.length > 1 ? list.filter((_, i) => !thumbnails.has(i)) : list
  for (const entry of all.length ? all : list) {
    const tags = entry instanceof Map ? groupAt(entry, 'ImageData') : undefined
    const data = tags?.get('Data')
    if (!tags || typeof data !== 'object' || data instanceof Map) continue
    const sides = [...(groupAt(tags, 'Dimensions')?.values() ?? [])].map(Number)
    const type = numberIn(tags, 'DataType') ?? 0
    const [width, height = 1, depth = 1, ...more] = sides
    const units = dimension(tags, 2) && textIn(dimension(tags, 2), 'Units')
    const sound = sides.every((side) => Number.isSafeInteger(side) && side >= 1)
    if (!sound || width < 2 || height < 2) others.push('a profile or spectrum of one dimension')
    else if (more.some((side) => side > 1)) others.push(`data of ${sides.length} dimensions (${sides.join(' x ')})`)
    else if (depth > 1 && /eV$/i.test(units ?? '')) others.push(`a spectrum image (${sides.join(' x ')})`)
    else if (COMPLEX.includes(type)) others.push('a Fourier transform, of complex numbers')
    else if (!numberTypes[type] && type !== BINARY && !COLOURS.includes(type)) others.push(`data of the type ${type}`)
    else pictures.push({ width, height, pages: depth, type, data, tags })
  }
  const [largest] = pictures.sort((a, b) => b.width * b.height - a.width * a.height || b.pages - a.pages)
  if (largest) return largest
  throw new Error(others.length ? `it holds ${others[0]}, and no image` : 'it holds no image')
}

const dimension = (tags: DmGroup, axis: number) => groupAt(tags, 'Calibrations', 'Dimension', String(axis))

async function readPixels(
  { file, littleEndian }: DmFile,
  { width, height, pages, type, data }: Found,
  page: number,
): Promise<Image> {
  const colour = COLOURS.includes(type)
  const stored = numberTypes[type] ?? numberTypes[UINT8]
  const bytes = colour ? 4 : dmSizes[stored]
  const count = width * height
  const depth = colour || type === UINT8 || type === BINARY ? 8 : type === UINT16 ? 16 : 32
  const channels = colour ? 3 : 1
  if (count * channels * (depth / 8) > maxBytes)
    throw new Error(tooLarge(width, height, Math.floor(maxBytes / (channels * (depth / 8)))))
  if (data.bytes < count * pages * bytes)
    throw new Error(
      `its image of ${width}x${height} pixels needs ${count * pages * bytes} bytes, and has ${data.bytes}`,
    )
  const values =
    depth === 8 ? new Uint8Array(count * channels) : depth === 16 ? new Uint16Array(count) : new Float32Array(count)
  const step = Math.max(1, Math.floor(PIECE / (width * bytes)))
  for (let row = 0; row < height; row += step) {
    const rows = Math.min(step, height - row)
    const piece = await readExactly(file, rows * width * bytes, data.offset + (page * count + row * width) * bytes)
    const view = new DataView(piece.buffer, piece.byteOffset, piece.length)
    const from = row * width
    if (colour)
      for (let i = 0; i < rows * width; i++)
        for (let c = 0; c < 3; c++) values[3 * (from + i) + c] = piece[4 * i + 2 - c]
    else if (type === BINARY) for (let i = 0; i < rows * width; i++) values[from + i] = piece[i] ? 255 : 0
    else for (let i = 0; i < rows * width; i++) values[from + i] = numberAt(view, i * bytes, stored, littleEndian)
  }
  return { width, height, channels, data: values, depth }
}

async function readExactly(file: FileHandle, bytes: number, at: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes)
  const { bytesRead } = await file.read(buffer, 0, bytes, at)
  if (bytesRead < bytes) throw new Error('it is truncated')
  return buffer
}

function pixelSizeOf(from: string, tags: DmGroup, width: number): Pick<MicroscopePage, 'metadata' | 'remarks'> {
  const [x, y] = [0, 1].map((axis) => {
    const group = dimension(tags, axis)
    return { scale: Math.abs(numberIn(group, 'Scale') ?? 0), units: textIn(group, 'Units') }
  })
  if (!x.scale || !x.units) return { metadata: [], remarks: [] }
  if (/^1\s*\//.test(x.units) || /mrad|rad|deg|°/i.test(x.units))
    return {
      metadata: [],
      remarks: [`${from}: its axes are in ${x.units}, as those of a diffraction pattern are: it has no pixel size`],
    }
  const metres = lengthOf(x.scale, x.units)
  if (metres === undefined)
    return {
      metadata: [],
      remarks: [`${from}: its pixel size in ${JSON.stringify(x.units)} is not a length; it is not used`],
    }
  const across = y.scale && y.units ? lengthOf(y.scale, y.units) : undefined
  return {
    metadata: [{ from, pixel: { x: metres, ...(across !== undefined && { y: across }) }, recorded: { width } }],
    remarks: [],
  }
}
