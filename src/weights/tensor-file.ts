/** @file The common result of all readers of weights files: named tensors whose values are read on demand. */
import { type FileHandle, open } from 'node:fs/promises'
import { messageOf, UserError } from '../host/errors'

export interface TensorEntry {
  name: string
  shape: number[]
  /** The stored type; `read` always returns f32. */
  dtype: string
  /** Reads the elements in row-major order. @throws UserError if the file is damaged */
  read(): Promise<Float32Array>
}

export interface TensorFile {
  tensors: Map<string, TensorEntry>
  metadata: Record<string, string>
  close(): Promise<void>
}

/** The number of elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

export const shapeText = (shape: readonly number[]): string => `(${shape.join(', ')})`

/** True for a list of at most 8 dimensions with at most 2^30 elements. */
export function isShape(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= 8 &&
    value.every((n) => Number.isSafeInteger(n) && n >= 0) &&
    elements(value) <= 2 ** 30
  )
}

/** Opens a file for reading. @throws UserError with the reason if it cannot be opened */
export async function openFile(path: string): Promise<{ file: FileHandle; size: number }> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const info = await file.stat()
    if (!info.isFile()) throw new Error('it is not a regular file')
    return { file, size: info.size }
  } catch (error) {
    await file?.close()
    throw new UserError(`${path}: cannot be opened: ${messageOf(error, path)}`)
  }
}

/** Reads the bytes [start, start + length). @param what names them in messages @throws UserError if the file ends before */
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
