/**
 * @file Where EMD files hold their images and the size of their pixels: Thermo Fisher's Velox, with its metadata as JSON, and the
 * format of NCEM and Berkeley, with the coordinates of each axis.
 */
import { type Image, maxBytes, tooLarge } from '../image'
import { type Hdf5Dataset, type Hdf5Group, hdf5Reason, isDataset, isGroup } from './hdf5'
import type { MicroscopeMetadata } from './metadata'
import { lengthOf } from './pixel-size'

/** At most this many groups and images of a file are looked at, and groups nested so deep. */
const MAX_GROUPS = 2000
const MAX_DEPTH = 6
/** Larger metadata are not read. */
const MAX_JSON = 2 ** 22
/** HDF5's classes of types. */
const [INTEGER, FLOAT] = [0, 1]

export interface EmdImage {
  data: Hdf5Dataset
  width: number
  height: number
  pages: number
  /** The axis of the stack's images: the last in Velox, the first in NCEM's files; null if there is only one image. */
  pageAxis: 0 | 2 | null
  metadata: MicroscopeMetadata[]
  remarks: string[]
}

/** The largest image of a file. @throws Error without the file's name */
export function findEmdImage(file: Hdf5Group): EmdImage {
  const images = veloxImages(file)
  if (!images.length) images.push(...ncemImages(file))
  const area = ({ width, height }: EmdImage) => width * height
  const [largest] = [...images].sort((a, b) => area(b) - area(a))
  if (!largest)
    throw new Error(
      'it is an HDF5 file without an image in the layout of Velox or of NCEM: export the image as TIFF (ilastik: choose tif as the format of its export)',
    )
  return largest
}

/** Velox: /Data/Image/ID/Data of (rows, columns, frames), and Metadata with a JSON text in each column. */
function veloxImages(file: Hdf5Group): EmdImage[] {
  const parent = child(child(file, 'Data'), 'Image')
  if (!isGroup(parent)) return []
  return parent
    .keys()
    .slice(0, MAX_GROUPS)
    .flatMap((id): EmdImage[] => {
      const group = child(parent, id)
      const data = child(group, 'Data')
      const shape = shapeOf(data)
      if (!isDataset(data) || !shape || shape.length < 2 || shape.length > 3) return []
      const [height, width, pages = 1] = shape
      const found = { data, width, height, pages, pageAxis: shape.length === 3 ? (2 as const) : null }
      return [{ ...found, ...veloxPixel(child(group, 'Metadata'), width) }]
    })
}

type PixelSize = Pick<EmdImage, 'metadata' | 'remarks'>
const none: PixelSize = { metadata: [], remarks: [] }

function veloxPixel(texts: Hdf5Dataset | Hdf5Group | null, width: number): PixelSize {
  const from = 'Velox metadata'
  const shape = isDataset(texts) ? texts.shape : null
  if (!isDataset(texts) || !shape || shape[0] > MAX_JSON) return none
  try {
    const bytes = Uint8Array.from(
      texts.slice([[0, shape[0]], ...(shape.length > 1 ? [[0, 1] as [number, number]] : [])]) as ArrayLike<number>,
    )
    const end = bytes.indexOf(0)
    const { BinaryResult: result } = JSON.parse(Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8'))
    const side = (axis: string, unit: unknown) =>
      sizeIn(Number(result?.PixelSize?.[axis] ?? 0), String(unit ?? ''), from)
    return axes(from, side('height', result?.PixelUnitY), side('width', result?.PixelUnitX), width)
  } catch (error) {
    return { metadata: [{ from, damaged: hdf5Reason(error) }], remarks: [] }
  }
}

/** NCEM: groups with the attribute emd_group_type, with data of (rows, columns) or (images, rows, columns) and their axes dim1, dim2, … */
function ncemImages(file: Hdf5Group): EmdImage[] {
  const images: EmdImage[] = []
  let visited = 0
  const search = (group: Hdf5Group, depth: number): void => {
    if (++visited > MAX_GROUPS || depth > MAX_DEPTH) return
    const data = 'emd_group_type' in group.attrs ? child(group, 'data') : null
    const shape = shapeOf(data)
    if (isDataset(data) && shape && (shape.length === 2 || shape.length === 3)) {
      const [height, width] = shape.slice(-2)
      const pages = shape.length === 3 ? shape[0] : 1
      // emdfile, which py4DSTEM uses, counts axes from 0, NCEM from 1
      const first = child(group, 'dim0') ? 0 : 1
      const axis = (back: number) => ncemAxis(child(group, `dim${shape.length - 1 + first - back}`))
      const found = { data, width, height, pages, pageAxis: shape.length === 3 ? (0 as const) : null }
      const units = shape.map((_, i) => unitOf(child(group, `dim${i + first}`)))
      // a spectrum for each pixel is no stack of images
      if (!units.some((unit) => /^[kM]?eV$/.test(unit)))
        images.push({ ...found, ...axes('EMD axes', axis(1), axis(0), width) })
    }
    for (const name of group.keys().slice(0, MAX_GROUPS)) {
      const inner = visited > MAX_GROUPS ? null : child(group, name)
      if (isGroup(inner)) search(inner, depth + 1)
    }
  }
  search(file, 0)
  return images
}

type Side = { metres: number } | { remark: string } | null

/** The distance of an axis' first two coordinates; units are written as [n_m]. */
function ncemAxis(axis: Hdf5Dataset | Hdf5Group | null): Side {
  if (!isDataset(axis) || !axis.shape || axis.shape.length !== 1 || axis.shape[0] < 2) return null
  const [first, second] = Array.from(axis.slice([[0, 2]]) as ArrayLike<number | bigint>, Number)
  return sizeIn(Math.abs(second - first), unitOf(axis), 'EMD axes')
}

/** The unit of an axis without the brackets of NCEM; '' if it has none. */
function unitOf(axis: Hdf5Dataset | Hdf5Group | null): string {
  const unit = (axis as Hdf5Group | null)?.attrs?.units?.value
  return typeof unit === 'string' ? unit.replace(/[[\]_]/g, '') : ''
}

function sizeIn(value: number, unit: string, from: string): Side {
  const plain = unit.replace(/\0.*$/s, '').trim().slice(0, 40)
  if (!(value > 0) || !plain) return null
  if (/^1\s*\/|\^?-1$|rad|deg/i.test(plain))
    return { remark: `${from}: its axes are in ${plain}, as those of a diffraction pattern are: it has no pixel size` }
  const metres = lengthOf(value, plain)
  if (metres !== undefined) return { metres }
  return /^(px|pixels?)$/i.test(plain)
    ? null
    : { remark: `${from}: its pixel size in ${JSON.stringify(plain)} is not a length; it is not used` }
}

function axes(from: string, down: Side, across: Side, width: number): PixelSize {
  const remark = [across, down].flatMap((side) => (side && 'remark' in side ? [side.remark] : []))[0]
  if (remark) return { metadata: [], remarks: [remark] }
  if (!across || !('metres' in across)) return none
  const y = down && 'metres' in down ? { y: down.metres } : {}
  return { metadata: [{ from, pixel: { x: across.metres, ...y }, recorded: { width } }], remarks: [] }
}

/** An object in a group; null if it is missing or cannot be read. */
function child(group: Hdf5Group | Hdf5Dataset | null, name: string): Hdf5Group | Hdf5Dataset | null {
  if (!isGroup(group)) return null
  try {
    return group.get(name)
  } catch {
    return null
  }
}

/** The shape of a dataset of numbers that can be an image; null for anything else. */
function shapeOf(data: Hdf5Group | Hdf5Dataset | null): number[] | null {
  if (!isDataset(data) || !data.shape || ![INTEGER, FLOAT].includes(data.metadata.type)) return null
  const [rows, columns] = data.shape.length === 3 ? [...data.shape].sort((a, b) => b - a) : data.shape
  return data.shape.every((side) => Number.isSafeInteger(side) && side >= 1) && rows > 1 && columns > 1
    ? data.shape
    : null
}

/** @throws Error without the file's name */
export function readEmdPixels(
  { data, width, height, pages, pageAxis }: EmdImage,
  page: number,
  maxPixels: number,
): Image {
  if (page >= pages)
    throw new Error(`it has ${pages === 1 ? 'one page' : `${pages} pages`}, there is no page ${page + 1}`)
  const { type, size, signed } = data.metadata
  const depth = type === INTEGER && !signed && size <= 2 ? ((8 * size) as 8 | 16) : 32
  if (!(width * height <= maxPixels)) throw new Error(tooLarge(width, height, maxPixels))
  if (width * height * Math.max(size, depth / 8) > maxBytes)
    throw new Error(tooLarge(width, height, Math.floor(maxBytes / size)))
  const whole: [number, number][] = [
    [0, height],
    [0, width],
  ]
  const one: [number, number] = [page, page + 1]
  let values: ArrayLike<number> | ArrayLike<bigint>
  try {
    values = data.slice(pageAxis === null ? whole : pageAxis === 0 ? [one, ...whole] : [...whole, one])
  } catch (error) {
    throw new Error(`its pixels cannot be read: ${hdf5Reason(error)}`)
  }
  if (values?.length !== width * height)
    throw new Error('its pixels are of a type that is not supported: export the image as TIFF')
  const numbers = values as ArrayLike<number>
  if (depth === 8) return { width, height, channels: 1, data: Uint8Array.from(numbers), depth }
  if (depth === 16) return { width, height, channels: 1, data: Uint16Array.from(numbers), depth }
  return { width, height, channels: 1, data: Float32Array.from(values as ArrayLike<number | bigint>, Number), depth }
}
