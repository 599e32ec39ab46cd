/** @file What a microscope recorded about an image, as read from tags or text files, not yet checked against the image. */
import type { Image } from '../image'

export interface MicroscopeMetadata {
  /** Where it was read, for messages: 'FEI tag 34682'. */
  from: string
  /** Side of a pixel in metres, across and down; y is missing if only one is recorded. */
  pixel?: { x: number; y?: number }
  /** Size in pixels of the recorded image, without the info bar. */
  recorded?: { width?: number; height?: number }
  /** Height of the info bar in rows, if it is recorded as such. */
  bar?: number
  /** Why the text could not be read. */
  damaged?: string
}

/** An image of a microscope's file. */
export interface MicroscopePage {
  image: Image
  /** The number of images of its stack. */
  pages: number
  metadata: MicroscopeMetadata[]
  /** What is particular about the file, for the user. */
  remarks: string[]
}

/** The lines KEY=VALUE of an INI text by 'section/key' in lower case; keys before the first section have no prefix. */
export function parseIni(text: string): Map<string, string> {
  const values = new Map<string, string>()
  let section = ''
  for (const line of text.split(/[\r\n]+/)) {
    const [, name] = /^\s*\[(.*)\]\s*$/.exec(line) ?? []
    if (name !== undefined) section = `${name.trim().toLowerCase()}/`
    const at = line.indexOf('=')
    if (name !== undefined || at < 1) continue
    const key = section + line.slice(0, at).trim().toLowerCase()
    if (!values.has(key)) values.set(key, line.slice(at + 1).trim())
  }
  return values
}

/** Longer texts are no numbers; this also bounds the time that expressions take on hostile files. */
export const MAX_NUMBER = 200

/**
 * The number that a text contains, with a decimal point or, as microscopes write it in many countries, a decimal comma.
 * Undefined if it is missing, empty, or not certainly a number: with several commas, or with both signs.
 */
export function numberOf(text: string | undefined): number | undefined {
  const trimmed = text?.slice(0, MAX_NUMBER + 1).trim() ?? ''
  if (!trimmed || trimmed.length > MAX_NUMBER) return undefined
  const value = Number(/^[^.,]*,[^.,]*$/.test(trimmed) ? trimmed.replace(',', '.') : trimmed)
  return Number.isFinite(value) ? value : undefined
}

/**
 * The pixel size of two texts. If one contains digits but is not certainly a length, there is none, and `damaged` says so.
 * @param y empty or missing if only one is recorded
 * @param lengthOfText the length in metres; undefined if the text is not a length
 */
export function pixelOf(
  x: string | undefined,
  y: string | undefined,
  lengthOfText: (text: string) => number | undefined,
): Pick<MicroscopeMetadata, 'pixel' | 'damaged'> {
  if (!x?.trim()) return {}
  const sides = [x, y?.trim() ? y : x].map((text) => ({ text, metres: lengthOfText(text) }))
  const unclear = sides.find(({ metres }) => metres === undefined)
  if (!unclear) return { pixel: { x: sides[0].metres!, ...(y?.trim() && { y: sides[1].metres! }) } }
  return /\d/.test(unclear.text)
    ? { damaged: `its pixel size ${JSON.stringify(unclear.text.trim().slice(0, 40))} is not certain; it is not used` }
    : {}
}
