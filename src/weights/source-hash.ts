/** @file The SHA-256 of a source of bytes. It runs in any host. */
import { Sha256 } from '../host/sha256'
import { type ByteSource, readRange } from './byte-source'

/** Sources of up to this many bytes are hashed by WebCrypto, which is fast and takes whole arrays only. */
const WHOLE = 2 ** 28
/** Bytes of a larger source that are read at once. */
const CHUNK = 2 ** 22

/**
 * In 64 hexadecimal digits. Up to 256 MiB WebCrypto computes it, of the whole in memory; of larger sources this module does, a part
 * after the other.
 * @param options.wholeUpTo the largest size that WebCrypto is given
 * @throws the signal's reason if it aborts
 */
export async function hashOfSource(
  source: ByteSource,
  { signal, wholeUpTo = WHOLE }: { signal?: AbortSignal; wholeUpTo?: number } = {},
): Promise<string> {
  const { size } = source
  const subtle = globalThis.crypto?.subtle
  if (subtle && size <= wholeUpTo) {
    const bytes = await readRange(source, 0, size, 'the file')
    signal?.throwIfAborted()
    const digest = new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  const hash = new Sha256()
  for (let at = 0; at < size; at += CHUNK) {
    signal?.throwIfAborted()
    hash.update(await readRange(source, at, Math.min(CHUNK, size - at), 'the file'))
  }
  return hash.hex()
}
