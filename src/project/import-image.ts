/** @file Imports an image into a project: reads the file and removes the info bar. */
import { rm } from 'node:fs/promises'
import { writePng } from '../images/png-writer'
import { type MicrographOptions, readMicrograph } from '../images/micrograph'
import type { Image } from '../images/image'
import { grayOfRgb, toRGB8 } from '../images/rgb8'
import type { InputImage } from './input-images'
import type { ImageInfo } from './file-schemas'
import { projectFile } from './project'

export interface ImportedImage {
  info: ImageInfo
  image: Image
  /** The info bar that was removed; null if there was none. */
  bar: Image | null
  /** (height, width, 3), 8 bit: the model's input. */
  rgb: Uint8Array
  /** The number of pages in the file. */
  pages: number
  /** Statements of the file that were not trusted, and why. */
  remarks: string[]
}

/** Reads an image and removes its info bar. @throws UserError naming the file */
export async function importImage(
  { path, name, page: chosen }: InputImage,
  options: MicrographOptions,
): Promise<ImportedImage> {
  const read = await readMicrograph(path, chosen === undefined ? options : { ...options, page: chosen })
  const { image, bar, pages, page, croppedBottom, pixelSize, remarks } = read
  const { width, height } = image
  const info = { name, width, height, source: path, page, croppedBottom, pixelSize }
  return { info, image, bar, rgb: toRGB8(image), pages, remarks }
}

/**
 * Writes the image that masks refer to: the file's own values if a PNG can hold them, otherwise the model's input. Its info
 * bar is written beside it, so that the review page can show the scale bar.
 */
export async function writeImage(dir: string, { info, image, bar, rgb }: ImportedImage): Promise<void> {
  const { width, height, channels, depth } = image
  const exact = depth === 8 || (depth === 16 && channels === 1)
  const data = exact ? (image.data as Uint8Array | Uint16Array) : channels === 1 ? grayOfRgb(rgb) : rgb
  await writePng(projectFile.image(dir, info.name), { width, height, channels, data })
  const path = projectFile.infoBar(dir, info.name)
  if (bar) {
    const plain = toRGB8(bar)
    const shown = bar.channels === 1 ? grayOfRgb(plain) : plain
    await writePng(path, { width: bar.width, height: bar.height, channels: bar.channels, data: shown })
  } else await rm(path, { force: true })
}
