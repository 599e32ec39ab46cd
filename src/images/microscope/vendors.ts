/** @file The texts that microscopes and their programs put into TIFF tags. */
import { numberOf, parseIni, type Note } from './note'
import { lengthOf, metresOf } from './pixel-size'

/** FEI and Thermo Fisher: INI text with metres a pixel, and the picture's size without its data bar. */
export function feiNote(text: string, from: string): Note {
  const values = parseIni(text)
  const number = (key: string) => numberOf(values.get(key))
  // some write the scan's section under the name of the beam's only
  const scan = ['scan', 'escan', 'iscan'].find((name) => number(`${name}/pixelwidth`) !== undefined)
  return {
    from,
    pixel: scan ? { x: number(`${scan}/pixelwidth`)!, y: number(`${scan}/pixelheight`) } : undefined,
    recorded: { width: number('image/resolutionx'), height: number('image/resolutiony') },
    bar: number('privatefei/databarheight'),
  }
}

/** Zeiss SmartSEM: a line with a parameter's name, then one with its value: AP_IMAGE_PIXEL_SIZE, Image Pixel Size = 2.698 nm. */
export function zeissNote(text: string, from: string): Note {
  const lines = text.split(/[\r\n]+/)
  const value = (name: string) => {
    const at = lines.findIndex((line) => line.trim().toUpperCase() === name)
    return at < 0 ? undefined : lines[at + 1]?.split('=')[1]?.trim()
  }
  const metres = metresOf(value('AP_IMAGE_PIXEL_SIZE') ?? '')
  // the stored size includes the info bar, so it tells nothing of its height
  const [, width] = /(\d+)\s*[*x×]\s*\d+/.exec(value('DP_IMAGE_STORE') ?? '') ?? []
  return { from, pixel: metres === undefined ? undefined : { x: metres }, recorded: { width: numberOf(width) } }
}

/** TESCAN, in tag 50431 or a .hdr file beside the picture: INI text with metres a pixel and the info strip's rows. */
export function tescanNote(text: string, from: string): Note {
  // in the tag the text follows some binary bytes
  const values = parseIni(text)
  const number = (key: string) => numberOf(values.get(`main/${key}`) ?? values.get(key))
  const x = number('pixelsizex')
  return {
    from,
    pixel: x === undefined ? undefined : { x, y: number('pixelsizey') },
    bar: number('imagestripsize'),
  }
}

/** Phenom: an XML text, in tag 34683 or inside a JPEG, with the pixel's size and unit and the data bar's rows. */
export function phenomNote(text: string, from: string): Note {
  const value = (name: string) => new RegExp(`<${name}\\b([^>]*)>\\s*([^<]{1,40})<`).exec(text)
  const side = (name: string) => {
    const [, attributes, number] = value(name) ?? []
    const [, unit] = /\bunit\s*=\s*["']([^"']{1,20})["']/.exec(attributes ?? '') ?? []
    const parsed = numberOf(number)
    return parsed === undefined || !unit ? undefined : lengthOf(parsed, unit)
  }
  const x = side('pixelWidth')
  return {
    from,
    pixel: x === undefined ? undefined : { x, y: side('pixelHeight') },
    bar: numberOf(value('databarHeight')?.[2]),
  }
}

/**
 * ImageJ: `unit=` in the description, and pixels a unit in XResolution and YResolution.
 * @param resolution pixels a unit, across and down
 */
export function imagejNote(description: string, from: string, resolution: { x?: number; y?: number }): Note {
  const [, unit] = /^unit=(.+)$/m.exec(description.replace(/\r/g, '\n')) ?? []
  const side = (pixels: number | undefined) => (pixels && unit ? lengthOf(1 / pixels, unit) : undefined)
  const x = side(resolution.x)
  return { from, pixel: x === undefined ? undefined : { x, y: side(resolution.y) } }
}

/** OME: XML with the pixel's size, in µm unless another unit is given, and the picture's size. */
export function omeNote(xml: string, from: string): Note {
  const [pixels = ''] = /<Pixels\b[^>]*>/.exec(xml) ?? []
  const value = (name: string) => new RegExp(`\\b${name}\\s*=\\s*["']([^"']{1,40})["']`).exec(pixels)?.[1]
  const side = (axis: string) => {
    const number = numberOf(value(`PhysicalSize${axis}`))
    return number === undefined ? undefined : lengthOf(number, value(`PhysicalSize${axis}Unit`) ?? 'um')
  }
  const x = side('X')
  return {
    from,
    pixel: x === undefined ? undefined : { x, y: side('Y') },
    recorded: { width: numberOf(value('SizeX')) },
  }
}

/** Gatan DigitalMicrograph: the scale of either axis as a number and a unit. */
export function gatanNote(from: string, [x, unitX]: [number?, string?], [y, unitY]: [number?, string?]): Note {
  const side = (scale?: number, unit?: string) => (scale && unit ? lengthOf(scale, unit) : undefined)
  const metres = side(x, unitX)
  return { from, pixel: metres === undefined ? undefined : { x: metres, y: side(y, unitY) } }
}
