/** @file Reads JSON files of other programs, whose content must be checked. */
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../host/errors'

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses a JSON file. @throws Error with the reason, without the file's name */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'ENOENT' ? 'there is no such file' : error.code === 'EISDIR' ? 'it is a folder' : error.message,
    )
  })
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new Error(`it is not valid JSON (${messageOf(error)})`)
  }
}

/** The value as a finite number. @throws Error naming the field `name` */
export function finiteNumber(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new Error(`${name} is ${JSON.stringify(value) ?? 'missing'}, not a number`)
  return value
}

/** The value as a list of finite numbers. @throws Error naming the field `name` */
export function finiteNumbers(value: unknown, name: string): number[] {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list of numbers`)
  return value.map((entry, i) => finiteNumber(entry, `${name}[${i}]`))
}
