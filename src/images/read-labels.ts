/** @file Reads instance label maps from image files: values as they are stored, never as a picture shows them. */
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import type { Size } from '../../engine/image/size'
import { UserError } from '../host/errors'
import { readBmp } from './bmp'
import { decodeWithSharp } from './decode-with-sharp'
import { interpolationProblem } from './interpolated-labels'
import { type Image, maxPixels, tooLarge } from './image'
import { turnUpright } from './orientation'
import { paletteLabels } from './palette-labels'
import { indicesAsGray, pngKind } from './png-palette'
import { namingFile, readWhole } from './read-image'
import { isLossyWebp, sniffImage } from './sniff-image'
import { lossyCompression, pageFormat, picturePages, TAG } from './tiff-pixels'
import { withTiff } from './open-tiff'
import type { TiffFile } from './tiff-tags'
import { canReadStored, storedValues } from './tiff-values'

/** Values as a label file stores them. */
type Stored = Image

/**
 * Reads an instance label map: an image of whole numbers from 0, the background, to 65,535. Values are taken as they are
 * stored: bits are not scaled, min-is-white is not inverted, and of a palette the index counts (the gray value, if the
 * palette of a PNG or BMP is that of a gray image).
 * @throws UserError naming the file: unreadable, coloured, lossy, interpolated, of several pages or channels, or with values that are
 * not labels
 * @example
 * const { width, height, data } = await readLabels('data/masks/particles.png')
 */
export async function readLabels(path: string): Promise<LabelMap> {
  const refuse = (reason: string): never => {
    throw new UserError(`cannot use ${path} as a label map: ${reason}`)
  }
  const { width, height, channels, data, depth } = await namingFile(path, async () => {
    const format = await sniffImage(path)
    const lossy = format === 'jpeg' ? 'JPEG' : format === 'webp' && (await isLossyWebp(path)) ? 'WebP' : undefined
    if (lossy) refuse(lossyText(lossy))
    if (format === 'dm') refuse('it is the file of a microscope; save label maps as PNG or TIFF')
    if (format === 'hdf5')
      refuse(
        'it is an HDF5 file, as ilastik and microscopes write it; save label maps as PNG or TIFF (ilastik: choose tif as the format of its export)',
      )
    if (format === 'tiff') return withTiff(path, (tiff) => storedPage(path, tiff, refuse))
    if (format === 'png') return storedPng(await readWhole(path))
    if (format === 'bmp') return readBmp(await readWhole(path), maxPixels, paletteLabels)
    return decodeWithSharp(path, 0, maxPixels)
  })
  const count = width * height
  let gray = data
  if (channels === 3) {
    gray = new (data.constructor as Uint16ArrayConstructor)(count)
    for (let i = 0; i < count; i++) {
      if (data[3 * i] !== data[3 * i + 1] || data[3 * i] !== data[3 * i + 2])
        refuse(
          'it is coloured; a label map has one gray value or one palette index for each instance, and 0 for the background. ' +
            'If every instance has its own colour, give each colour a number, for example with numpy.unique, and save these as 16-bit gray',
        )
      gray[i] = data[3 * i]
    }
  }
  if (depth === 32)
    for (const value of gray)
      if (!(Number.isInteger(value) && value >= 0 && value <= MAX_LABEL))
        refuse(
          `the value ${value} is not a whole number from 0 to ${MAX_LABEL}: save it with 0 for the background and a number from 1 for each instance`,
        )
  const labels = { width, height, data: gray instanceof Uint16Array ? gray : Uint16Array.from(gray) }
  const mixed = interpolationProblem(labels)
  if (mixed) refuse(mixed)
  return labels
}

const lossyText = (method: string) =>
  `${method} changes pixel values, so that labels are lost and others appear; save label maps as PNG or TIFF`

/** The values of a TIFF, which has one page and one channel: of others nobody can know what they stand for. */
async function storedPage(path: string, tiff: TiffFile, refuse: (reason: string) => never): Promise<Stored> {
  const pictures = await picturePages(tiff)
  const [index] = pictures
  const page = tiff.pages[index]
  const format = await pageFormat(tiff, page, 'labels')
  const { width, height, photometric, orientation } = format
  if (await hasPageOfSize(tiff, pictures.slice(1), format))
    refuse(
      `it has ${pictures.length} pages, a label map has one: save each page as a file with the name of its image; ` +
        'if each page is the mask of one instance, number the instances and save them as one page',
    )
  const channels = format.samples - (await tiff.numbers(page, TAG.extraSamples)).filter((kind) => kind > 0).length
  if (photometric <= 1 && channels > 1)
    refuse(`it has ${channels} channels, a label map has one: save the channel with the labels only`)
  const lossy = lossyCompression(format)
  if (lossy) refuse(lossyText(lossy))
  if (!(width * height <= maxPixels)) throw new Error(tooLarge(width, height, maxPixels))
  const turned = (data: Image['data']) => {
    const depth = data instanceof Uint8Array ? 8 : data instanceof Uint16Array ? 16 : 32
    return turnUpright<Stored>({ width, height, channels: 1, data, depth }, orientation)
  }
  if (photometric === 2 || photometric === 6)
    return turnUpright(await decodeWithSharp(path, index, maxPixels), orientation)
  if (!canReadStored(format)) {
    // Fax compressions have one bit per pixel, which sharp shows as 0 and 255.
    const { data } = await decodeWithSharp(path, index, maxPixels)
    const zero = photometric === 0 ? 255 : 0
    return turned(data.map((value) => +(value !== zero)) as Uint8Array)
  }
  const data = await storedValues(tiff, page, format)
  if (photometric !== 3 || data instanceof Float32Array) return turned(data)
  const map = await tiff.numbers(page, TAG.colourMap, 3 * 65_536)
  const size = Math.floor(map.length / 3)
  // some programs write colours of 8 bits into the map of 16
  const shift = map.some((value) => value > 255) ? 8 : 0
  const colours = Uint8Array.from({ length: 3 * size }, (_, i) => map[(i % 3) * size + Math.floor(i / 3)] >> shift)
  return turned(paletteLabels({ indices: data, colours, optimised: false }))
}

/** True if a page is as large as the first one. Smaller ones are the steps of a pyramid, which shows the first page reduced. */
async function hasPageOfSize(tiff: TiffFile, indices: readonly number[], { width, height }: Size): Promise<boolean> {
  for (const index of indices) {
    const page = tiff.pages[index]
    const [across = 0] = await tiff.numbers(page, TAG.imageWidth, 1)
    const [down = 0] = await tiff.numbers(page, TAG.imageLength, 1)
    if (across >= width || down >= height) return true
  }
  return false
}

/** The values of a PNG: palette indices, and values of less than 8 bits without scaling. */
async function storedPng(file: Buffer): Promise<Stored> {
  const { bits, palette } = pngKind(file)
  const plain = palette ? indicesAsGray(file) : { file, colours: new Uint8Array(0) }
  const image = await decodeWithSharp(plain.file, 0, maxPixels)
  if (image.channels !== 1 || (!palette && bits >= 8)) return image
  const indices = (image.data as Uint8Array).map((value) => (bits < 8 ? (value * (2 ** bits - 1)) / 255 : value))
  if (!palette) return { ...image, data: indices }
  return { ...image, data: paletteLabels({ indices, colours: plain.colours, optimised: true }), depth: 16 }
}
