/** @file What is cut off and said about a micrograph, from its pixels and its metadata. It runs in any host. */
import type { Image } from './image'
import { findInfoBar, looksLikeBar } from './info-bar'
import type { CheckedMetadata } from './microscope/read-metadata'
import { withoutData } from './rgb8'

/** Remarks on the values of an image: how it was turned, and what is left out of its contrast. */
export function valueRemarks(image: Image): string[] {
  const remarks: string[] = []
  if (image.orientation) remarks.push(`it was turned upright, as its orientation tag ${image.orientation} says`)
  const { share, values } = withoutData(image)
  if (share > 0)
    remarks.push(
      `${(100 * share).toPrecision(2)} % of its pixels hold ${values.join(' or ')}, which is no gray value: left out of the contrast`,
    )
  return remarks
}

/** The height of the info bar in rows: from the metadata if they are reliable, else from the image's appearance. */
export function infoBarRows(image: Image, { bar }: CheckedMetadata): number {
  if (bar?.sure) return bar.rows
  if (bar && looksLikeBar(image, bar.rows)) return bar.rows
  return findInfoBar(image)
}

/** The image without its last rows; the values are not copied. */
export function withoutBottom(image: Image, rows: number): Image {
  if (!rows) return image
  const height = image.height - rows
  return { ...image, height, data: image.data.subarray(0, height * image.width * image.channels) }
}

/** The last rows as an image; the values are not copied. */
export function bottomOf(image: Image, rows: number): Image | null {
  if (!rows) return null
  return { ...image, height: rows, data: image.data.subarray((image.height - rows) * image.width * image.channels) }
}
