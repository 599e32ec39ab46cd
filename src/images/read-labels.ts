/** @file Reads instance label maps from image files. */
import { extname } from 'node:path'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { UserError } from '../host/errors'
import { readImage } from './read-image'

/**
 * Reads an instance label map: a gray image of 8 or 16 bits, or of 32 bits with whole numbers; 0 is the background.
 * @throws UserError naming the file: unreadable, coloured, lossy, or with values that are not labels
 */
export async function readLabels(path: string): Promise<LabelMap> {
  const refuse = (reason: string): never => {
    throw new UserError(`cannot use ${path} as a label map: ${reason}`)
  }
  if (/^\.jpe?g$/i.test(extname(path))) refuse('JPEG changes pixel values; save label maps as PNG or TIFF')
  const { width, height, channels, data, depth } = await readImage(path)
  const count = width * height
  let gray = data
  if (channels === 3) {
    gray = new (data.constructor as Uint16ArrayConstructor)(count)
    for (let i = 0; i < count; i++) {
      if (data[3 * i] !== data[3 * i + 1] || data[3 * i] !== data[3 * i + 2])
        refuse('it is coloured; a label map has one gray value for each instance and 0 for the background')
      gray[i] = data[3 * i]
    }
  }
  if (depth === 32)
    for (const value of gray)
      if (!(Number.isInteger(value) && value >= 0 && value <= MAX_LABEL))
        refuse(`the value ${value} is not a whole number from 0 to ${MAX_LABEL}`)
  return { width, height, data: gray instanceof Uint16Array ? gray : Uint16Array.from(gray) }
}
