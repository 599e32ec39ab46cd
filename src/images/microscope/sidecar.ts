/** @file Text files that microscopes write beside a picture: JEOL, Hitachi and TESCAN. JEOL's text also lies in TIFF tags. */
import { readFile, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { numberOf, parseIni, type Note } from './note'
import { lengthOf, metresOf } from './pixel-size'
import { tescanNote } from './vendors'

const mostBytes = 2 ** 20

/** The notes of the text files beside a picture, in no case an error: a file that cannot be read tells nothing. */
export async function sidecarNotes(path: string): Promise<Note[]> {
  const extension = extname(path)
  const stem = path.slice(0, path.length - extension.length)
  const notes: Note[] = []
  for (const name of [`${stem}.txt`, `${stem}.TXT`]) {
    const text = name === path ? undefined : await readText(name)
    if (text === undefined) continue
    if (/^\$CM_/m.test(text)) notes.push(jeolNote(text, 'JEOL text file'))
    else if (text.includes('[SemImageFile]')) notes.push(hitachiNote(text))
    break
  }
  for (const name of [`${stem}-${extension.slice(1)}.hdr`, `${stem}.hdr`]) {
    const text = await readText(name)
    if (text === undefined || !/^\s*PixelSizeX\s*=/im.test(text)) continue
    notes.push(tescanNote(text, 'TESCAN header file'))
    break
  }
  return notes
}

/**
 * JEOL: lines `$NAME value`. Newer ones give the pixel's size, older ones a micron bar's pixels and length. The size of
 * the picture is without the info bar.
 */
export function jeolNote(text: string, from: string): Note {
  const values = new Map<string, string>()
  for (const line of text.split(/[\r\n]+/)) {
    const [, name, value] = /^\s*\$+(\w+)\s+(.*)$/.exec(line) ?? []
    if (name && !values.has(name)) values.set(name, value.trim())
  }
  const words = (name: string) => values.get(name)?.split(/[\s,]+/) ?? []
  const size = words('CM_IMAGE_SIZE').length ? words('CM_IMAGE_SIZE') : words('CM_FULL_SIZE')
  return {
    from,
    pixel: jeolPixel(words('CM_PIXEL_SIZE'), words('SM_MICRON_BAR'), words('SM_MICRON_MARKER')),
    recorded: { width: numberOf(size[0]), height: numberOf(size[1]) },
    bar: numberOf(words('SM_PNU_HEIGHT')[0]),
  }
}

function jeolPixel(sizes: string[], bar: string[], marker: string[]): Note['pixel'] {
  const [x, y] = sizes.map(metresOf)
  if (x !== undefined) return { x, y }
  const pixels = numberOf(bar[0])
  const metres = metresOf(marker.join(''))
  return pixels && metres !== undefined ? { x: metres / pixels } : undefined
}

/** Hitachi: INI text under [SemImageFile], nanometres a pixel, the picture's size. */
function hitachiNote(text: string): Note {
  const values = parseIni(text)
  const nanometres = numberOf(values.get('semimagefile/pixelsize'))
  const [, width, height] = /^(\d+)\s*x\s*(\d+)$/i.exec(values.get('semimagefile/datasize') ?? '') ?? []
  return {
    from: 'Hitachi text file',
    pixel: nanometres === undefined ? undefined : { x: lengthOf(nanometres, 'nm')! },
    recorded: { width: numberOf(width), height: numberOf(height) },
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path)
    if (!info.isFile() || info.size > mostBytes) return undefined
    return decode(await readFile(path))
  } catch {
    return undefined
  }
}

/** UTF-16 by its mark, UTF-8, or else latin-1, in which µ may come from Shift JIS. */
function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1').replaceAll('\x83\xca', 'µ')
  }
}
