/** @file JSON that others wrote: read without trust. */
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../host/errors'

export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws Error with the reason, without the file's name */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'ENOENT' ? 'there is no such file' : error.code === 'EISDIR' ? 'it is a folder' : error.message,
    )
  })
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new Error(`it is not JSON (${messageOf(error)})`)
  }
}

/** A finite number. @throws Error naming it */
export function finite(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new Error(`${what} is ${JSON.stringify(value) ?? 'missing'}, not a number`)
  return value
}

/** A list of finite numbers. @throws Error naming it */
export function finiteList(value: unknown, what: string): number[] {
  if (!Array.isArray(value)) throw new Error(`${what} is not a list of numbers`)
  return value.map((entry, i) => finite(entry, `${what}[${i}]`))
}
