/** @file The text of JEOL's microscopes, which is in a TIFF tag or in a file beside the image. */
import { type MicroscopeMetadata, numberOf, pixelOf } from './metadata'
import { metresOf } from './pixel-size'

/**
 * JEOL: lines `$NAME value`. Newer microscopes write the pixel size, older ones the length of the micron bar in pixels and
 * in micrometres. The recorded size of the image excludes the info bar.
 */
export function jeolMetadata(text: string, from: string): MicroscopeMetadata {
  const values = new Map<string, string>()
  for (const line of text.split(/[\r\n]+/)) {
    const [, name, value] = /^\s*\$+(\w+)\s+(.*)$/.exec(line) ?? []
    if (name && !values.has(name)) values.set(name, value.trim())
  }
  const words = (name: string) => values.get(name)?.split(/[\s,]+/) ?? []
  const size = words('CM_IMAGE_SIZE').length ? words('CM_IMAGE_SIZE') : words('CM_FULL_SIZE')
  return {
    from,
    ...jeolPixel(values.get('CM_PIXEL_SIZE'), values.get('SM_MICRON_BAR'), values.get('SM_MICRON_MARKER')),
    recorded: { width: numberOf(size[0]), height: numberOf(size[1]) },
    bar: numberOf(words('SM_PNU_HEIGHT')[0]),
  }
}

function jeolPixel(sizes = '', bar = '', marker = ''): Pick<MicroscopeMetadata, 'pixel' | 'damaged'> {
  // a comma between two digits is a decimal comma; any other one separates
  const [x, y] = sizes.replace(/,(?!\d)|(?<!\d),/g, ' ').match(/\S*\d\S*(?:\s+[^\s\d]\S*)?/g) ?? []
  if (x !== undefined) return pixelOf(x, y, metresOf)
  const pixels = numberOf(bar.split(/\s/)[0])
  if (!marker) return {}
  const found = pixelOf(marker, undefined, metresOf)
  if (!found.pixel) return found
  return pixels && pixels > 0
    ? { pixel: { x: found.pixel.x / pixels } }
    : { damaged: `the length of its micron bar, ${JSON.stringify(bar.slice(0, 40))}, is not a number of pixels` }
}
