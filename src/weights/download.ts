/** @file Downloads a file of known size and hash, and resumes an interrupted download. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { makeFolder } from '../host/files'

export interface DownloadProgress {
  file: string
  /** Bytes received, including those of an earlier attempt. */
  done: number
  total: number
  /** Bytes per second of this attempt. */
  rate: number
}

export interface DownloadOptions {
  size: number
  sha256: string
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
  /** Milliseconds without data after which the connection is closed. */
  patience?: number
}

/** Default of `patience`, in milliseconds. */
const PATIENCE = 60_000

/**
 * Downloads `url` to `path`. The file is named `path.part` until its hash has been checked; a later call resumes it. A
 * complete file with a wrong hash is removed.
 * @throws UserError if the server cannot be reached or refuses, the download is interrupted, or the hash is wrong
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const part = `${path}.part`
  await makeFolder(dirname(path))
  const resumed = await receive(url, part, options)
  if (await isRight(part, options)) return rename(part, path)
  await rm(part, { force: true })
  // The resumed part may have been of another file: download once more from the start.
  if (resumed) return download(url, path, options)
  throw new UserError(
    `${url}: the downloaded file is not the published file (its size or SHA-256 differs); it was removed`,
  )
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

async function isRight(path: string, expected: { size: number; sha256: string }): Promise<boolean> {
  return (await stat(path)).size === expected.size && (await sha256(path)) === expected.sha256
}

/** Downloads the rest of `part`; returns true if it was resumed. */
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
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd())
    }
    if (response.status !== 206 || !response.headers.get('content-range')?.startsWith(`bytes ${done}-`)) done = 0
    const resumed = done > 0
    const file = await open(part, resumed ? 'a' : 'w')
    try {
      const begin = { time: performance.now(), done }
      for await (const chunk of response.body) {
        watch.refresh()
        done += chunk.length
        // a file that is too long is wrong: its rest need not be downloaded
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
      throw new Error(
        done > size ? `it has more than the expected ${size} bytes` : `it ended after ${done} of ${size} bytes`,
      )
    return resumed
  } catch (error) {
    throw new UserError(
      `${url}: the download failed: ${reason(error)}. Run the command again to resume it` +
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
