/** @file Reads JSON files of other programs, whose content must be checked. */
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../host/errors'
import { shown } from '../../text/check-value'
import { contentOf, decodeText } from '../../text/decode-text'

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Ids that a JavaScript number cannot hold: two of them would become the same. */
const LONG_ID = /"((?:image_|category_)?id)"(\s*:\s*)(-?\d{16,})(?=\s*[,}])/g

/**
 * Parses a JSON file: UTF-8 or UTF-16, with or without a byte order mark, or Latin-1. NaN and Infinity, which Python writes,
 * become null; ids of 16 digits and more, which numbers do not hold exactly, become texts.
 * @throws Error with the reason, without the file's name
 */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new Error(messageOf(error, path))
  })
  const text = decodeText(bytes).replace(LONG_ID, '"$1"$2"$3"')
  try {
    return JSON.parse(text)
  } catch (error) {
    try {
      return JSON.parse(withoutNaN(text))
    } catch {
      throw new Error(contentOf(bytes) ?? messageOf(error))
    }
  }
}

/** The text with null for every NaN and infinity outside of strings. */
function withoutNaN(text: string): string {
  const parts: string[] = []
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at)
    const outside = text.slice(at, quote < 0 ? undefined : quote)
    parts.push(outside.replace(/-?\b(?:NaN|Infinity)\b/g, 'null'))
    if (quote < 0) break
    let end = quote + 1
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
    parts.push(text.slice(quote, end + 1))
    at = end + 1
  }
  return parts.join('')
}

/** The value as a finite number. @throws Error naming the field `name` */
export function finiteNumber(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`${name} is ${shown(value)}, not a number`)
  return value
}

/** The value as a list of finite numbers. @throws Error naming the field `name` */
export function finiteNumbers(value: unknown, name: string): number[] {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list of numbers`)
  return value.map((entry, i) => finiteNumber(entry, `${name}[${i}]`))
}

/** The side of an image; undefined if the file does not say it (missing, null or 0). @throws Error naming the field `name` */
export function sideOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null || value === 0 || value === '') return undefined
  const side = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  if (typeof side !== 'number' || !Number.isInteger(side) || side < 1)
    throw new Error(`${name} is ${shown(value)}, not a number of pixels`)
  return side
}
