/** @file A folder where Node keeps downloaded weights. */
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../host/cache-folder'
import { messageOf } from '../host/errors'
import { writeAtomic, writeFileAtomic } from '../host/files'
import { fileSource } from './open-file'
import type { WeightCache } from './weight-cache'

/**
 * Keeps weights in a folder, two files each: the bytes, and a record of their key and SHA-256.
 * @param folder by default `downloads` in the cache folder, where `wgsam fetch` keeps its models too
 * @example
 * const opened = await openWeights('https://example.org/model.pth', { cache: folderCache('/data/models') })
 */
export function folderCache(folder = join(cacheFolder(), 'downloads')): WeightCache {
  const pathOf = (key: string) => join(folder, createHash('sha256').update(key).digest('hex'))
  return {
    async get(key) {
      const record = await readFile(`${pathOf(key)}.json`, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
        throw new Error(messageOf(error))
      })
      if (record === null) return null
      // what is no record is damaged: no bytes have the empty text as their hash
      const { sha256 } = parsed(record) as { sha256?: unknown }
      return { source: await fileSource(`${pathOf(key)}.weights`), sha256: typeof sha256 === 'string' ? sha256 : '' }
    },
    async put(key, sha256, bytes) {
      const path = pathOf(key)
      await writeAtomic(`${path}.weights`, async (file) => {
        for await (const part of bytes.stream() as AsyncIterable<Uint8Array>) await file.writeFile(part)
      })
      // written last: without it there is nothing under the key
      await writeFileAtomic(`${path}.json`, `${JSON.stringify({ key, sha256 }, null, 2)}\n`)
    },
    async remove(key) {
      for (const end of ['json', 'weights']) await rm(`${pathOf(key)}.${end}`, { force: true })
    },
  }
}

function parsed(text: string): object {
  try {
    return Object(JSON.parse(text)) as object
  } catch {
    return {}
  }
}
