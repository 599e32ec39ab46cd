/** @file Reads JSON files of other programs, whose content must be checked. */
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../host/errors'
import { shown } from '../../text/check-value'

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Parses a JSON file: UTF-8 or UTF-16, with or without a byte order mark. NaN and Infinity, which Python writes, become null.
 * @throws Error with the reason, without the file's name
 */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new Error(messageOf(error, path))
  })
  const text = decode(bytes)
  try {
    return JSON.parse(text)
  } catch (error) {
    try {
      return JSON.parse(withoutNaN(text))
    } catch {
      throw new Error(`it is not valid JSON (${messageOf(error).slice(0, 200)})`)
    }
  }
}

function decode(bytes: Buffer): string {
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff && 'utf-16be'
  return utf16 ? new TextDecoder(utf16).decode(bytes) : bytes.toString('utf8').replace(/^\ufeff/, '')
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
