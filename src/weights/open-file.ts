/** @file Files of weights on disk, read in parts. */
import { type FileHandle, open } from 'node:fs/promises'
import { messageOf, UserError } from '../host/errors'
import type { ByteSource } from './byte-source'

/** Opens a file for reading. @throws UserError with the reason if it cannot be opened */
async function openFile(path: string): Promise<{ file: FileHandle; size: number }> {
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
async function readAt(
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

/**
 * A file as a source of bytes. @throws UserError with the reason if it cannot be opened
 * @example
 * const { architecture } = await openWeights(await fileSource('model.pth'))
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const { file, size } = await openFile(path)
  return {
    name: path,
    size,
    read: (start, length) => readAt(file, path, start, length, 'what is read'),
    close: () => file.close(),
  }
}
