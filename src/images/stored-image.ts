/** @file TIFF pages as images without a library that decodes them. It runs in any host. */
import type { Image } from './image'
import type { PageFormat } from './tiff-pixels'
import type { TiffFile, TiffPage } from './tiff-tags'
import { storedValues } from './tiff-values'

/** PhotometricInterpretation of colours. */
const RGB = 2

/** Reads the first channel of a gray page, or the three of a colour page, without sharp, and scales and inverts it as sharp would. */
export async function readStored(tiff: TiffFile, page: TiffPage, format: PageFormat): Promise<Image> {
  const { width, height, bits, photometric } = format
  const data = await storedValues(tiff, page, format)
  const depth = data instanceof Uint8Array ? 8 : data instanceof Uint16Array ? 16 : 32
  if (photometric === RGB) {
    const [green, blue] = [await storedValues(tiff, page, format, 1), await storedValues(tiff, page, format, 2)]
    const colours = new (data.constructor as Uint8ArrayConstructor)(3 * data.length)
    for (let i = 0, to = 0; i < data.length; i++) {
      colours[to++] = data[i]
      colours[to++] = green[i]
      colours[to++] = blue[i]
    }
    return { width, height, channels: 3, data: colours, depth }
  }
  const most = 2 ** bits - 1
  if (depth === 8 && most < 255) for (let i = 0; i < data.length; i++) data[i] *= 255 / most
  if (photometric === 0) for (let i = 0; i < data.length; i++) data[i] = 2 ** depth - 1 - data[i]
  return { width, height, channels: 1, data, depth }
}
