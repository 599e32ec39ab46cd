/** @file What every reader of a weights file gives: tensors by name, none of them read before it is asked for. */
import { type FileHandle, open } from 'node:fs/promises'
import { messageOf, UserError } from '../host/errors'

export interface TensorEntry {
  name: string
  shape: number[]
  /** As stored; `read` gives f32 whatever it is. */
  dtype: string
  /** The elements in row-major order. Throws a UserError where the file is damaged. */
  read(): Promise<Float32Array>
}

export interface TensorFile {
  tensors: Map<string, TensorEntry>
  metadata: Record<string, string>
  close(): Promise<void>
}

export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

export const shapeText = (shape: readonly number[]): string => `(${shape.join(', ')})`

/** True for a list of lengths whose product is a tensor that memory could hold. */
export function isShape(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= 8 &&
    value.every((n) => Number.isSafeInteger(n) && n >= 0) &&
    elements(value) <= 2 ** 30
  )
}

/** Opens a file for reading; a UserError says why it cannot be. */
export async function openFile(path: string): Promise<{ file: FileHandle; size: number }> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const info = await file.stat()
    if (!info.isFile()) throw new Error('it is not a file')
    return { file, size: info.size }
  } catch (error) {
    await file?.close()
    throw new UserError(`${path}: cannot be opened: ${messageOf(error)}`)
  }
}

/** Bytes [start, start + length); a UserError where the file ends before. `what` names them in the message. */
export async function readAt(
  file: FileHandle,
  path: string,
  start: number,
  length: number,
  what: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), start + done)
    if (!bytesRead) throw new UserError(`${path}: ends before ${what} does: the file is truncated`)
    done += bytesRead
  }
  return bytes
}
