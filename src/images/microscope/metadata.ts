/** @file What a microscope recorded about an image, as read from tags or text files, not yet checked against the image. */

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

/** The number that a text contains; undefined if it is missing, empty or not a number. */
export function numberOf(text: string | undefined): number | undefined {
  const value = text?.trim() ? Number(text) : NaN
  return Number.isFinite(value) ? value : undefined
}
