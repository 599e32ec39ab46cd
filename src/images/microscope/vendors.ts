/** @file Parsers of the texts that microscopes and image programs write into TIFF tags, one per vendor. */
import { MAX_NUMBER, type MicroscopeMetadata, numberOf, parseIni, pixelOf } from './metadata'
import { lengthOf, metresOf } from './pixel-size'

/** FEI and Thermo Fisher: INI text with the pixel size in metres, and the image's size without its data bar. */
export function feiMetadata(text: string, from: string): MicroscopeMetadata {
  const values = parseIni(text)
  const number = (key: string) => numberOf(values.get(key))
  // Some microscopes name the section after the beam (EScan, IScan) only.
  const scan = ['scan', 'escan', 'iscan'].find((name) => values.get(`${name}/pixelwidth`))
  return {
    from,
    ...pixelOf(values.get(`${scan}/pixelwidth`), values.get(`${scan}/pixelheight`), numberOf),
    recorded: { width: number('image/resolutionx'), height: number('image/resolutiony') },
    bar: number('privatefei/databarheight'),
  }
}

/** Zeiss SmartSEM: a line with a parameter's name, then a line with its value: AP_IMAGE_PIXEL_SIZE, Image Pixel Size = 2.698 nm. */
export function zeissMetadata(text: string, from: string): MicroscopeMetadata {
  const lines = text.split(/[\r\n]+/)
  const value = (name: string) => {
    const at = lines.findIndex((line) => line.trim().toUpperCase() === name)
    return at < 0 ? undefined : lines[at + 1]?.split('=')[1]?.trim()
  }
  // The stored height includes the info bar, so the bar's height cannot be derived from it.
  const [, width] = /(\d+)\s*[*x×]\s*\d+/.exec(value('DP_IMAGE_STORE')?.slice(0, MAX_NUMBER) ?? '') ?? []
  return { from, ...pixelOf(value('AP_IMAGE_PIXEL_SIZE'), undefined, metresOf), recorded: { width: numberOf(width) } }
}

/** TESCAN, in tag 50431 or a .hdr file beside the image: INI text with the pixel size in metres and the height of the info strip. */
export function tescanMetadata(text: string, from: string): MicroscopeMetadata {
  // In the tag the text follows some binary bytes; parseIni ignores them.
  const values = parseIni(text)
  const value = (key: string) => values.get(`main/${key}`) ?? values.get(key)
  return {
    from,
    ...pixelOf(value('pixelsizex'), value('pixelsizey'), numberOf),
    bar: numberOf(value('imagestripsize')),
  }
}

/** Phenom: XML, in tag 34683 or inside a JPEG, with the pixel size and its unit and the height of the data bar. */
export function phenomMetadata(text: string, from: string): MicroscopeMetadata {
  const element = (name: string) =>
    new RegExp(`^<${name}\\b([^>]*)>\\s*([^<]{1,40})<`).exec(sliceFrom(text, `<${name}`)) ?? []
  const side = (name: string) => {
    const [, attributes, number] = element(name)
    const [, unit] = /\bunit\s*=\s*["']([^"']{1,20})["']/.exec(attributes ?? '') ?? []
    return number && unit ? `${number.trim()} ${unit}` : undefined
  }
  return {
    from,
    ...pixelOf(side('pixelWidth'), side('pixelHeight'), metresOf),
    bar: numberOf(element('databarHeight')[2]),
  }
}

/**
 * Thermo Fisher: XML in tag 34683 or beside the image. Its metadata of 2013 have PixelSize with X and Y and their unit, those of EPU
 * pixelSize with x and y, each a numericValue in metres. Prefixes of names are left out.
 */
export function thermoMetadata(text: string, from: string): MicroscopeMetadata {
  const start = /<(?:\w{1,40}:)?pixelSize\b/i.exec(text.slice(0, MAX_THERMO))
  const plain = start ? text.slice(start.index, start.index + MAX_ELEMENT).replace(/<(\/?)\w{1,40}:/g, '<$1') : ''
  const size = plain.slice(0, plain.search(/<\/pixelSize>/i))
  const side = (name: string) => {
    const [, attributes, direct] = new RegExp(`<${name}\\b([^>]{0,400})>\\s*([^<]{0,40})`, 'i').exec(size) ?? []
    const inner = direct?.trim()
      ? undefined
      : /<numericValue\b[^>]{0,400}>\s*([^<]{1,40})/i.exec(sliceFrom(size, `<${name}`))?.[1]
    const [, unit = 'm'] = /\bunit\s*=\s*["']([^"']{1,20})["']/.exec(attributes ?? '') ?? []
    const number = inner ?? direct
    return number?.trim() ? `${number.trim()} ${unit}` : undefined
  }
  const [x, y] = /<X\b/.test(size) ? ['X', 'Y'] : ['x', 'y']
  return { from, ...pixelOf(side(x), side(y), metresOf) }
}

/** True for the XML of Thermo Fisher that says the size of pixels. */
export const isThermoXml = (text: string): boolean =>
  /schemas\.(fei|thermofisher)\.com|schemas\.datacontract\.org\/2004\/07\/Fei|<MicroscopeImage\b/i.test(
    text.slice(0, MAX_ELEMENT),
  )

/** Characters of Thermo Fisher's XML that are looked at. */
const MAX_THERMO = 2 ** 20
/** Characters of OME's XML in which a prefix is looked for. */
const MAX_OME = 2 ** 16
/** Characters of an XML element that are looked at. */
const MAX_ELEMENT = 4096

/** The text from the first `start` on, so short that no expression takes long on it; '' if it is not there. */
function sliceFrom(text: string, start: string): string {
  const at = text.indexOf(start)
  return at < 0 ? '' : text.slice(at, at + MAX_ELEMENT)
}

/**
 * ImageJ: `unit=` in the description, and pixels per unit in the tags XResolution and YResolution.
 * @param resolution pixels per unit, across and down
 */
export function imagejMetadata(
  description: string,
  from: string,
  resolution: { x?: number; y?: number },
): MicroscopeMetadata {
  const text = description.replace(/\r/g, '\n')
  const [, unit] = /^unit=(.+)$/m.exec(text) ?? []
  const [, unitY = unit] = /^yunit=(.+)$/m.exec(text) ?? []
  const side = (pixels: number | undefined, unit: string | undefined) =>
    pixels && unit ? lengthOf(1 / pixels, unit) : undefined
  const x = side(resolution.x, unit)
  if (x !== undefined) return { from, pixel: { x, y: side(resolution.y, unitY) } }
  // pixels are no length, and inches come from the resolution of a printer
  const none = !unit || /^\s*(pixels?|px|inch(es)?|in|null|\?)?\s*$/i.test(unit)
  return none
    ? { from }
    : lengthOf(1, unit) !== undefined
      ? { from, damaged: 'it has a unit, but no number of pixels for one; its pixel size is not used' }
      : { from, damaged: `its unit ${JSON.stringify(unit.slice(0, 40))} is not known; its pixel size is not used` }
}

/** OME: XML with the pixel size, in µm unless another unit is given, and the image's size. */
export function omeMetadata(xml: string, from: string): MicroscopeMetadata {
  // the names of its elements may have a prefix
  const start = xml.includes('<Pixels')
    ? '<Pixels'
    : (/<\w{1,20}:Pixels\b/.exec(xml.slice(0, MAX_OME))?.[0] ?? '<Pixels')
  const [pixels = ''] = /^<[\w:]+\b[^>]*>/.exec(sliceFrom(xml, start)) ?? []
  const value = (name: string) => new RegExp(`\\b${name}\\s*=\\s*["']([^"']{1,40})["']`).exec(pixels)?.[1]
  const side = (axis: string) => {
    const number = value(`PhysicalSize${axis}`)
    return number && `${number} ${value(`PhysicalSize${axis}Unit`) ?? 'um'}`
  }
  return {
    from,
    // a size in pixels, or in the reference frame of a stage, says nothing about lengths
    ...(/\s(pixel|reference frame)$/.test(side('X') ?? '') ? {} : pixelOf(side('X'), side('Y'), metresOf)),
    recorded: { width: numberOf(value('SizeX')) },
  }
}

/** Gatan DigitalMicrograph: the pixel size along each axis as a number and a unit. */
export function gatanMetadata(
  from: string,
  [x, unitX]: [number?, string?],
  [y, unitY]: [number?, string?],
): MicroscopeMetadata {
  const side = (scale?: number, unit?: string) => (scale && unit ? lengthOf(scale, unit) : undefined)
  const metres = side(x, unitX)
  return { from, pixel: metres === undefined ? undefined : { x: metres, y: side(y, unitY) } }
}
