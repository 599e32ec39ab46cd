/** @file What a URL leads to, as a source of bytes: in parts where the server can send them, else as a whole. It runs in any host. */
import { UserError } from '../host/errors'
import { blobSource, type ByteSource } from './byte-source'

/** Headers, progress and abort of a download. */
export interface UrlOptions {
  /** Ends the requests, also those of later reads. */
  signal?: AbortSignal
  /**
   * Called while bytes arrive.
   * @param bytes received so far, by all requests together
   * @param size of the file in bytes; null if the server does not say it
   */
  onProgress?(bytes: number, size: number | null): void
}

/** Reads of fewer bytes than SMALL take a whole block of BLOCK bytes, of which the last KEPT are kept: tensors are read in order. */
const [BLOCK, SMALL, KEPT] = [2 ** 18, 2 ** 16, 8]
/** Parts of a download are put together in pieces of this many bytes, so that the browser can move them out of memory. */
const PIECE = 2 ** 24

/**
 * What a URL leads to. A server that can send parts of a file is asked for the parts that are read; otherwise the whole file is
 * downloaded and kept.
 * @throws UserError if the server refuses or cannot be reached · the signal's reason if it aborts
 * @example
 * const source = await urlSource('https://example.org/model.safetensors', { onProgress: (bytes, size) => {} })
 * const header = await source.read(0, 8)
 */
export async function urlSource(url: string | URL, options: UrlOptions = {}): Promise<ByteSource> {
  const { name, begin, receive, state } = requests(url, options)
  // browsers ask a foreign server whether it allows parts, and some refuse; where it does not expose the size, parts are of no use
  const first = await begin(`0-${BLOCK - 1}`).catch((error) => {
    options.signal?.throwIfAborted()
    if (error instanceof Unreachable) return null
    throw error
  })
  const size = Number(/\/(\d+)$/.exec(first?.headers.get('content-range') ?? '')?.[1] ?? NaN)
  if (!first || (first.status === 206 && !Number.isSafeInteger(size))) {
    await first?.body?.cancel()
    return blobSource(await receive(await begin(), null), name)
  }
  if (first.status !== 206) return blobSource(await receive(first, null), name)
  state.size = size
  const etag = first.headers.get('etag')
  const part = async (start: number, length: number) => {
    const response = await begin(`${start}-${start + length - 1}`)
    if (response.status !== 206) throw new UserError(`${name}: the server sent parts before, and now the whole file`)
    if (response.headers.get('etag') !== etag)
      throw new UserError(`${name}: the file on the server has changed while it was read: open it again`)
    return bytesOf(await receive(response, size))
  }
  const blocks = new Map<number, Promise<Uint8Array>>([[0, receive(first, size).then(bytesOf)]])
  await blocks.get(0)
  const block = (index: number) => {
    const known = blocks.get(index) ?? part(index * BLOCK, Math.min(BLOCK, size - index * BLOCK))
    blocks.delete(index)
    blocks.set(index, known)
    if (blocks.size > KEPT) blocks.delete(blocks.keys().next().value!)
    // what failed is asked for again by the next read
    known.catch(() => blocks.delete(index))
    return known
  }
  return {
    name,
    size,
    read: async (start, wanted) => {
      options.signal?.throwIfAborted()
      const end = Math.min(size, start + wanted)
      if (end <= start) return new Uint8Array(0)
      const [from, to] = [Math.floor(start / BLOCK), Math.floor((end - 1) / BLOCK)]
      // a small file was received as a whole already
      if (end - start >= SMALL && !(from === 0 && end <= Math.min(BLOCK, size))) return part(start, end - start)
      const out = new Uint8Array(end - start)
      for (let i = from; i <= to; i++) {
        const base = i * BLOCK
        const bytes = await block(i)
        out.set(bytes.subarray(Math.max(0, start - base), end - base), Math.max(0, base - start))
      }
      return out
    },
    close: async () => blocks.clear(),
  }
}

/** Downloads the whole of what a URL leads to. @throws as urlSource */
export async function downloadWhole(url: string | URL, options: UrlOptions): Promise<Blob> {
  const { begin, receive } = requests(url, options)
  return receive(await begin(), null)
}

/** The server did not answer. */
class Unreachable extends UserError {}

/** Requests to one URL, whose progress is counted together. */
function requests(url: string | URL, { signal, onProgress }: UrlOptions) {
  const name = String(url)
  if (!URL.canParse(name, (globalThis as { location?: { href: string } }).location?.href))
    throw new UserError(`${name}: it is no URL; openWeights of wgsam/node takes paths of files too`)
  const state: { received: number; size: number | null } = { received: 0, size: null }
  const broken = (error: unknown, what: string) => {
    signal?.throwIfAborted()
    return new Unreachable(`${name}: ${what}: ${reasonOf(error)}`)
  }
  const begin = async (range?: string): Promise<Response> => {
    const headers = range ? { range: `bytes=${range}` } : undefined
    const response = await fetch(url, { headers, signal }).catch((error) => {
      throw broken(error, 'cannot be reached')
    })
    if (response.ok) return response
    await response.body?.cancel()
    throw new UserError(`${name}: the server answers ${response.status} ${response.statusText}`.trimEnd())
  }
  /** @param size of the file, if it is known; otherwise the answer's own length is */
  const receive = async (response: Response, size: number | null) => {
    // the length of a compressed answer is not that of its content
    const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length')
    state.size = size ?? (length === null ? null : Number(length))
    let [blob, parts, held] = [new Blob([]), [] as Uint8Array<ArrayBuffer>[], 0]
    try {
      const reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> = response.body!.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        parts.push(value)
        held += value.length
        state.received += value.length
        onProgress?.(state.received, state.size)
        if (held < PIECE) continue
        blob = new Blob([blob, ...parts])
        ;[parts, held] = [[], 0]
      }
    } catch (error) {
      throw broken(error, `the connection broke off after ${state.received} bytes`)
    }
    return new Blob([blob, ...parts])
  }
  return { name, begin, receive, state }
}

/** Of what `fetch` throws in Node only the cause says what happened. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())
