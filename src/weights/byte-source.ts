/** @file Bytes that are read in parts, wherever they are: in memory, in a Blob or File. It runs in any host. */
import { UserError } from '../host/errors'

/** Bytes that are read in parts: implement it for a store that wgsam does not know. */
export interface ByteSource {
  /** Names it in messages: a path, or a URL. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** Reads the bytes [start, start + length), or fewer if the source ends before. */
  read(start: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Reads bytes. @param what names them in messages @throws UserError if the source ends before */
export async function readRange(source: ByteSource, start: number, length: number, what: string): Promise<Uint8Array> {
  const end = start + length
  const bytes = end <= source.size ? await source.read(start, length) : null
  if (bytes?.length !== length) throw new UserError(`${source.name}: ends before ${what} does: the file is truncated`)
  return bytes
}

const nothingToClose = async () => {}

/**
 * Bytes in memory.
 * @example
 * const { architecture } = await openWeights(bufferSource(bytes, 'model.pth'))
 */
export function bufferSource(data: ArrayBuffer | Uint8Array, name = 'the weights'): ByteSource {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
  return {
    name,
    size: bytes.length,
    read: async (start, length) => bytes.slice(start, start + length),
    close: nothingToClose,
  }
}

/**
 * A Blob, or a File that a person chose.
 * @example
 * const { architecture } = await openWeights(blobSource(files[0], 'model.pth'))
 */
export const blobSource = (blob: Blob, name = 'name' in blob ? String(blob.name) : 'the weights'): ByteSource => ({
  name,
  size: blob.size,
  read: async (start, length) => new Uint8Array(await blob.slice(start, start + length).arrayBuffer()),
  close: nothingToClose,
})
