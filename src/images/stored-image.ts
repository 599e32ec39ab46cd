/** @file TIFF pages as images without a library that decodes them. It runs in any host. */
import type { Image } from './image'
import { type PageFormat, TAG } from './tiff-pixels'
import type { TiffFile, TiffPage } from './tiff-tags'
import { storedValues } from './tiff-values'

/** Reads the first channel of a gray page without sharp, and scales and inverts it as sharp would. */
export async function readStored(tiff: TiffFile, page: TiffPage, format: PageFormat): Promise<Image> {
  const { width, height, bits, photometric } = format
  const data = await storedValues(tiff, page, format)
  const depth = data instanceof Uint8Array ? 8 : data instanceof Uint16Array ? 16 : 32
  const most = 2 ** bits - 1
  if (depth === 8 && most < 255) for (let i = 0; i < data.length; i++) data[i] *= 255 / most
  if (photometric === 0) for (let i = 0; i < data.length; i++) data[i] = 2 ** depth - 1 - data[i]
  return { width, height, channels: 1, data, depth }
}

/** The value that marks pixels without data; undefined if the page does not say it. */
export async function nodataOf(tiff: TiffFile, page: TiffPage): Promise<number | undefined> {
  const text = (await tiff.text(page, TAG.nodata))?.trim()
  const value = text ? Number(text.slice(0, 64)) : NaN
  return Number.isFinite(value) ? value : undefined
}
