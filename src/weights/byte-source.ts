/** @file Bytes that are read in parts, wherever they are: in memory, in a Blob or File, or at a URL. It runs in any host. */
import { UserError } from '../host/errors'

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

/** Bytes in memory. */
export function bufferSource(data: ArrayBuffer | Uint8Array, name = 'the weights'): ByteSource {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
  return {
    name,
    size: bytes.length,
    read: async (start, length) => bytes.slice(start, start + length),
    close: nothingToClose,
  }
}

/** A Blob, or a File that a person chose. */
export const blobSource = (blob: Blob, name = 'name' in blob ? String(blob.name) : 'the weights'): ByteSource => ({
  name,
  size: blob.size,
  read: async (start, length) => new Uint8Array(await blob.slice(start, start + length).arrayBuffer()),
  close: nothingToClose,
})

export interface UrlOptions {
  /** Ends the requests. */
  signal?: AbortSignal
  /** Called while a server that cannot send parts sends everything. */
  onProgress?(bytes: number, size: number | null): void
}

/**
 * What a URL leads to. A server that can send parts of a file is asked for the parts that are read; otherwise the whole file is
 * downloaded and kept in memory.
 * @throws UserError if the server refuses or cannot be reached · the signal's reason if it aborts
 */
export async function urlSource(url: string | URL, { signal, onProgress }: UrlOptions = {}): Promise<ByteSource> {
  const name = String(url)
  const request = async (range: string) => {
    const response = await fetch(url, { headers: { range: `bytes=${range}` }, signal }).catch((error: Error) => {
      signal?.throwIfAborted()
      throw new UserError(`${name}: cannot be reached: ${error.message}`)
    })
    if (!response.ok) throw new UserError(`${name}: the server answers ${response.status} ${response.statusText}`)
    return response
  }
  // eight bytes are the length of a safetensors header, so an empty file is the only one without them
  const first = await request('0-7')
  const size = Number(/\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1] ?? NaN)
  if (first.status !== 206 || !Number.isSafeInteger(size)) return bufferSource(await readAll(first, onProgress), name)
  await first.arrayBuffer()
  return {
    name,
    size,
    read: async (start, length) => {
      if (!length) return new Uint8Array(0)
      const response = await request(`${start}-${start + length - 1}`)
      if (response.status !== 206) throw new UserError(`${name}: the server sent parts before, and now the whole file`)
      return new Uint8Array(await response.arrayBuffer())
    },
    close: nothingToClose,
  }
}

async function readAll(response: Response, onProgress: UrlOptions['onProgress']): Promise<Uint8Array> {
  const size = Number(response.headers.get('content-length') ?? NaN)
  const parts: Uint8Array[] = []
  let bytes = 0
  for (const reader = response.body!.getReader(); ;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    bytes += value.length
    onProgress?.(bytes, Number.isNaN(size) ? null : size)
  }
  const all = new Uint8Array(bytes)
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
  return all
}
