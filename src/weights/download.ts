/** @file Downloads a file whose size and hash are known, and goes on where an earlier try stopped. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf, UserError } from '../host/errors'

export interface DownloadProgress {
  file: string
  /** Bytes so far, those of an earlier try included. */
  done: number
  total: number
  /** Bytes a second of this try. */
  rate: number
}

export interface DownloadOptions {
  size: number
  sha256: string
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
  /** Milliseconds without a byte after which the connection is given up. */
  patience?: number
}

const PATIENCE = 60_000

/**
 * Fetches `url` to `path`. Until its hash is right the file is `path.part`, which a later call continues; a part that
 * turns out wrong is removed. Throws a UserError when offline, refused, cut off or of another hash.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const part = `${path}.part`
  await mkdir(dirname(path), { recursive: true })
  const resumed = await receive(url, part, options)
  if (await isRight(part, options)) return rename(part, path)
  await rm(part, { force: true })
  // the earlier part may have been of something else: once more from the start
  if (resumed) return download(url, path, options)
  throw new UserError(`${url}: what came is not the published file (its size or SHA-256 is another); nothing was kept`)
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

async function isRight(path: string, expected: { size: number; sha256: string }): Promise<boolean> {
  return (await stat(path)).size === expected.size && (await sha256(path)) === expected.sha256
}

/** Completes `part`; true where some of it was there before. */
async function receive(url: string, part: string, options: DownloadOptions): Promise<boolean> {
  const { size, signal, patience = PATIENCE } = options
  let done = await stat(part).then(
    (info) => info.size,
    () => 0,
  )
  if (done === size) return true
  if (done > size) done = 0

  const stalled = new AbortController()
  const watch = setTimeout(() => stalled.abort(new Error(`no data for ${patience / 1000} s`)), patience)
  try {
    const response = await fetch(url, {
      headers: done ? { range: `bytes=${done}-` } : {},
      signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
    })
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      throw new Error(`the server answers ${response.status} ${response.statusText}`.trimEnd())
    }
    if (response.status !== 206 || !response.headers.get('content-range')?.startsWith(`bytes ${done}-`)) done = 0
    const resumed = done > 0
    const file = await open(part, resumed ? 'a' : 'w')
    try {
      const begin = { time: performance.now(), done }
      for await (const chunk of response.body) {
        watch.refresh()
        done += chunk.length
        // the rest of something that is too long is not needed to know that it is wrong
        if (done > size) break
        await file.writeFile(chunk)
        const rate = (1000 * (done - begin.done)) / Math.max(1, performance.now() - begin.time)
        options.onProgress?.({ file: part.slice(0, -'.part'.length), done, total: size, rate })
      }
      await file.sync()
    } finally {
      await file.close()
    }
    if (done > size) await rm(part)
    if (done !== size)
      throw new Error(done > size ? `more than ${size} bytes came` : `it ended after ${done} of ${size} bytes`)
    return resumed
  } catch (error) {
    throw new UserError(
      `${url}: the download failed: ${reason(error)}. Run it again to go on from where it stopped` +
        `, or put the file at ${part.slice(0, -'.part'.length)} yourself.`,
    )
  } finally {
    clearTimeout(watch)
  }
}

/** fetch hides the cause ("fetch failed") one or two levels down. */
function reason(error: unknown): string {
  const cause = (error as Error).cause
  return cause ? reason(cause) : messageOf(error) || String(error)
}
