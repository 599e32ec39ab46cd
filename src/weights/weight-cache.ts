/** @file Where downloaded weights are kept: an interface for any host, and the browser's Cache API. */
import { blobSource, type ByteSource } from './byte-source'

/** A kept file of weights. */
export interface CachedWeights {
  source: ByteSource
  /** Of what was put, in 64 hexadecimal digits: who opens the source compares. */
  sha256: string
}

/** A store of weights by key. wgsam has two for browsers (`browserCache`, `opfsCache`) and one for Node (`folderCache` of `wgsam/node`). */
export interface WeightCache {
  /** What was put under a key; null if there is nothing. */
  get(key: string): Promise<CachedWeights | null>
  /** Keeps bytes. @throws Error if there is no room or no permission */
  put(key: string, sha256: string, bytes: Blob): Promise<void>
  /** Forgets a key. */
  remove(key: string): Promise<void>
}

/** The key of a file: its SHA-256 if it is known, so that it is found again under another URL. */
export const cacheKey = (url: string | URL, sha256?: string): string => (sha256 ? `sha256:${sha256}` : `url:${url}`)

/** The part of the Cache API that is used, declared here because Node has none. */
interface BrowserCaches {
  open(name: string): Promise<{
    match(url: string): Promise<Response | undefined>
    put(url: string, response: Response): Promise<void>
    delete(url: string): Promise<boolean>
  }>
}

const HASH = 'x-sha256'
/** Keys of the Cache API are URLs; this one leads nowhere. */
const address = (key: string) => `https://weights.invalid/${encodeURIComponent(key)}`

/**
 * Keeps weights in the browser's Cache API, for pages and workers of the same origin. The person's browser may remove them when space is
 * scarce, unless `navigator.storage.persist()` was granted.
 * @param name of the cache, which `caches.delete(name)` empties
 * @example
 * const opened = await openWeights(url, { cache: browserCache('my models') })
 */
export function browserCache(name = 'wgsam weights'): WeightCache {
  const open = async () => {
    const { caches } = globalThis as { caches?: BrowserCaches }
    if (!caches) throw new Error('this page has no Cache API, which needs https or localhost')
    return caches.open(name)
  }
  return {
    async get(key) {
      const response = await (await open()).match(address(key))
      const sha256 = response?.headers.get(HASH)
      return response && sha256 ? { source: blobSource(await response.blob(), key), sha256 } : null
    },
    async put(key, sha256, bytes) {
      const headers = { [HASH]: sha256, 'content-length': String(bytes.size) }
      await (await open()).put(address(key), new Response(bytes, { headers }))
    },
    async remove(key) {
      await (await open()).delete(address(key))
    },
  }
}
