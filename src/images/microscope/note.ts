/** @file What a microscope's own text says of a picture, before it is checked. */

export interface Note {
  /** where it was read, for people: 'FEI tag 34682' */
  from: string
  /** metres a pixel, across and down; y is missing where only one is given */
  pixel?: { x: number; y?: number }
  /** the pixels that the text speaks of, without info bar */
  recorded?: { width?: number; height?: number }
  /** rows of the info bar, where the text gives them as such */
  bar?: number
  /** why the text could not be read */
  damaged?: string
}

/** The lines KEY=VALUE of an INI text as 'section/key' in lower case; lines before any section have none. */
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

/** A plain number; undefined where the text is missing, empty or none. */
export function numberOf(text: string | undefined): number | undefined {
  const value = text?.trim() ? Number(text) : NaN
  return Number.isFinite(value) ? value : undefined
}
