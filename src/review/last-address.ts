/**
 * @file Remembers the last address of a folder's page. A restarted server uses it again, so that a page that is still open
 * reconnects and sends its unsent edits. The address is stored in the user's cache, not in the folder, which may be
 * shared: the token is a secret.
 */
import { createHash } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { cacheFolder } from '../host/cache-folder'
import { makeFolder, writeFileAtomic } from '../host/files'

export interface Address {
  port: number
  token: string
}

const addressSchema = v.object({
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
})

/** Which page of a folder: each has a separate address. */
type PageName = 'review' | 'start'

async function addressFile(dir: string, page: PageName): Promise<string> {
  const key = createHash('sha256')
    .update(await realpath(dir))
    .digest('hex')
  return join(cacheFolder(), page, `${key.slice(0, 32)}.json`)
}

/** Null if no address is stored or it cannot be read. */
export async function lastAddress(dir: string, page: PageName = 'review'): Promise<Address | null> {
  try {
    return v.parse(addressSchema, JSON.parse(await readFile(await addressFile(dir, page), 'utf8')))
  } catch {
    return null
  }
}

/** Stores an address, readable by this user only. If that fails, the next server has a new address. */
export async function keepAddress(dir: string, address: Address, page: PageName = 'review'): Promise<void> {
  try {
    const path = await addressFile(dir, page)
    await makeFolder(dirname(path), 0o700)
    await writeFileAtomic(path, JSON.stringify(address), 0o600)
  } catch {
    // the cache is not writable
  }
}
