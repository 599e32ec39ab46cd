/** @file Masks that a page sends with a request. */
import type { Size } from '../../engine/image/size'
import type { Mask } from '../../engine/masks/mask'
import { type CompressedRle, decodeMask } from '../../engine/masks/rle'
import { messageOf } from '../host/errors'
import { HttpError } from '../host/http-error'

/**
 * A mask of an image, decoded.
 * @param what names it in messages
 * @throws HttpError 400 if it is damaged, empty or of another image size
 */
export function requestMask(what: string, rle: CompressedRle, { width, height }: Size): Mask {
  const [rows, columns] = rle.size
  if (rows !== height || columns !== width)
    throw new HttpError(400, `${what} has ${columns} x ${rows} pixels, but the image has ${width} x ${height}`)
  try {
    const mask = decodeMask(rle)
    if (mask.width) return mask
  } catch (error) {
    throw new HttpError(400, `${what} is damaged: ${messageOf(error)}`)
  }
  throw new HttpError(400, `${what} is empty`)
}
