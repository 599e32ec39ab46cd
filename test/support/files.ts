/** @file Temporary folders, small image files, and the message of an expected UserError. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { writePng } from '../../src/images/png-writer'
import { UserError } from '../../src/host/errors'

const root = mkdtempSync(join(tmpdir(), 'wgsam-test-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

/** A new folder, removed when the process ends. Its name contains characters that scripts often handle wrongly. */
export const scratch = (): string => mkdtempSync(join(root, `"data" it's a [test] `))

/** Writes a file and returns its path. */
export const put = (path: string, content: string | Uint8Array): string => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

export const png8 = (path: string, width: number, height: number, data: ArrayLike<number>) =>
  writePng(path, { width, height, channels: 1, data: Uint8Array.from(data) })

export const png16 = (path: string, width: number, height: number, data: ArrayLike<number>) =>
  writePng(path, { width, height, channels: 1, data: Uint16Array.from(data) })

/** The message of the UserError with which an action fails. @throws Error if it succeeds or fails otherwise */
export async function refusal(action: Promise<unknown>): Promise<string> {
  try {
    await action
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
  throw new Error('it was accepted')
}
