/** @file Downloads a file of weights as a whole, checks its SHA-256, and keeps it in a cache. It runs in any host. */
import { messageOf, UserError } from '../host/errors'
import { blobSource, type ByteSource } from './byte-source'
import { hashOfSource } from './source-hash'
import { downloadWhole, type UrlOptions } from './url-source'
import { cacheKey, type WeightCache } from './weight-cache'

export interface KeptOptions extends UrlOptions {
  /** Expected, in 64 hexadecimal digits. */
  sha256?: string
  /** Receives what a person should know, such as that there is no room in the cache. */
  onRemark(text: string): void
}

/**
 * The file at a URL, from the cache if it is there and undamaged; otherwise it is downloaded and kept. Without room it is used all the
 * same.
 * @throws UserError if it cannot be downloaded, or has another SHA-256 · the signal's reason if it aborts
 */
export async function keptDownload(
  url: string | URL,
  cache: WeightCache | null,
  options: KeptOptions,
): Promise<ByteSource> {
  const { sha256, signal, onRemark } = options
  const name = String(url)
  const key = cacheKey(url, sha256)
  const known = cache && (await fromCache(cache, key, name, options))
  if (known) return known
  const blob = await downloadWhole(url, options)
  const source = blobSource(blob, name)
  const found = await hashOfSource(source, { signal })
  if (sha256 && found !== sha256)
    throw new UserError(
      `${name}: its SHA-256 is ${found}, not ${sha256}: it is another file, or was damaged on the way`,
    )
  // only what is whole and right is kept
  await cache?.put(key, found, blob).catch((error) => onRemark(`${name} is used, but not kept: ${reason(error)}`))
  return source
}

async function fromCache(
  cache: WeightCache,
  key: string,
  name: string,
  { sha256, signal, onRemark }: KeptOptions,
): Promise<ByteSource | null> {
  try {
    const known = await cache.get(key)
    if (!known) return null
    const source = { ...known.source, name }
    const found = await hashOfSource(source, { signal })
    if (found === known.sha256 && found === (sha256 ?? found)) return source
    await source.close()
    await cache.remove(key)
    onRemark(`the kept copy of ${name} is damaged and was discarded: it is downloaded again`)
  } catch (error) {
    signal?.throwIfAborted()
    onRemark(`the cache of weights cannot be used: ${reason(error)}`)
  }
  return null
}

const reason = (error: unknown) =>
  (error as Error | null)?.name === 'QuotaExceededError'
    ? 'the browser has no room left for this site'
    : messageOf(error)
