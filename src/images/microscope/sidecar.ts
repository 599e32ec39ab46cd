/** @file Text files that microscopes of JEOL, Hitachi, TESCAN and Thermo Fisher write beside an image. JEOL writes the same text into a TIFF tag. */
import { readFile, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { jeolMetadata } from './jeol'
import { type MicroscopeMetadata, numberOf, parseIni, pixelOf } from './metadata'
import { lengthOf } from './pixel-size'
import { isThermoXml, tescanMetadata, thermoMetadata } from './vendors'

/** Larger text files are not read. */
const MAX_BYTES = 2 ** 20

/** The metadata in the text files beside an image. Never fails: a file that cannot be read is skipped. */
export async function sidecarMetadata(path: string): Promise<MicroscopeMetadata[]> {
  const extension = extname(path)
  const stem = path.slice(0, path.length - extension.length)
  const found: MicroscopeMetadata[] = []
  for (const name of [`${stem}.txt`, `${stem}.TXT`]) {
    const text = name === path ? undefined : await readText(name)
    if (text === undefined) continue
    if (/^\$CM_/m.test(text)) found.push(jeolMetadata(text, 'JEOL text file'))
    else if (text.includes('[SemImageFile]')) found.push(hitachiMetadata(text))
    break
  }
  for (const name of [`${stem}.xml`, `${path}.xml`]) {
    const text = await readText(name)
    if (text === undefined || !isThermoXml(text)) continue
    found.push(thermoMetadata(text, 'Thermo Fisher XML file'))
    break
  }
  for (const name of [`${stem}-${extension.slice(1)}.hdr`, `${stem}.hdr`, `${stem}.HDR`]) {
    const text = await readText(name)
    if (text === undefined || !/^[ \t]*PixelSizeX[ \t]*=/im.test(text)) continue
    found.push(tescanMetadata(text, 'TESCAN header file'))
    break
  }
  return found
}

/** Hitachi: INI text under [SemImageFile] with the pixel size in nanometres and the image's size. */
function hitachiMetadata(text: string): MicroscopeMetadata {
  const values = parseIni(text)
  const [, width, height] = /^(\d+)\s*x\s*(\d+)$/i.exec(values.get('semimagefile/datasize')?.slice(0, 40) ?? '') ?? []
  return {
    from: 'Hitachi text file',
    ...pixelOf(values.get('semimagefile/pixelsize'), undefined, (text) => {
      const nanometres = numberOf(text)
      return nanometres === undefined ? undefined : lengthOf(nanometres, 'nm')
    }),
    recorded: { width: numberOf(width), height: numberOf(height) },
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path)
    if (!info.isFile() || info.size > MAX_BYTES) return undefined
    return decode(await readFile(path))
  } catch {
    return undefined
  }
}

/** Decodes UTF-16 (by its byte order mark), UTF-8, or else latin-1, in which the bytes of a Shift JIS µ are replaced. */
function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1').replaceAll('\x83\xca', 'µ')
  }
}
