/** @file Reads image files that a person gives: what the browser decodes, and TIFF as microscopes write it. */
import { messageOf, UserError } from '../../host/errors'
import { infoBarRows, valueRemarks, withoutBottom } from '../../images/cut-bottom'
import type { Image } from '../../images/image'
import type { MicroscopeMetadata } from '../../images/microscope/metadata'
import { checkMetadata, tiffMetadata } from '../../images/microscope/read-metadata'
import { readPlainTiff } from '../../images/plain-tiff'
import { toRGB8 } from '../../images/rgb8'
import { isTiff, TiffFile } from '../../images/tiff-tags'
import { blobSource } from '../../web'
import type { ReadImage } from '../calls'
import { inflate } from './inflate'
import { pngOf, rgbOf } from './pixels'

/** The largest image that the review can show, in pixels. */
const MOST_PIXELS = 120e6

/** Reads an image, cuts off the info bar of a microscope, and takes over its pixel size. @throws UserError naming the file */
export async function readFile(file: File): Promise<ReadImage> {
  try {
    const { image, metadata, remarks } = isTiff(new Uint8Array(await file.slice(0, 16).arrayBuffer()))
      ? await readTiff(file)
      : { image: await decode(file), metadata: [], remarks: await deepPng(file) }
    if (image.width * image.height > MOST_PIXELS)
      throw new Error(`${image.width} x ${image.height} pixels are too many for this page: cut it into parts`)
    const found = checkMetadata(metadata, image.width, image.height)
    const croppedBottom = infoBarRows(image, found)
    const shown = withoutBottom(image, croppedBottom)
    const { width, height } = shown
    return {
      info: { width, height, source: file.name, page: 0, croppedBottom, pixelSize: found.pixelSize },
      pixels: await pngOf({ width, height, rgb: toRGB8(shown) }),
      remarks: [...remarks, ...valueRemarks(image), ...found.remarks],
    }
  } catch (error) {
    throw new UserError(`cannot read the image ${file.name}: ${messageOf(error)}`)
  }
}

interface Read {
  image: Image
  metadata: MicroscopeMetadata[]
  remarks: string[]
}

async function readTiff(file: File): Promise<Read> {
  const { size, read } = blobSource(file)
  const tiff = await TiffFile.open({ size, read, inflate })
  const { image, page, pages } = await readPlainTiff(tiff)
  const remarks = pages > 1 ? [`its first page of ${pages} was read`] : []
  return { image, metadata: await tiffMetadata(tiff, page), remarks }
}

/** Browsers decode PNG to 8 bits. */
async function deepPng(file: File): Promise<string[]> {
  const start = new Uint8Array(await file.slice(0, 26).arrayBuffer())
  const deep = start[1] === 0x50 && start[2] === 0x4e && start[24] === 16
  return deep ? ['the browser reads the upper 8 of its 16 bits: where that is too dark, save it as TIFF'] : []
}

async function decode(file: File): Promise<Image> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }).catch(() => {
    throw new Error('this page reads PNG, JPEG, WebP, BMP and TIFF')
  })
  const { width, height, rgb } = rgbOf(bitmap)
  return { width, height, channels: 3, depth: 8, data: rgb }
}
