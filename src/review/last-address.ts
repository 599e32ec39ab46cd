/**
 * @file The address that a folder's page had last. A server that is started again takes it again, so that a page that
 * is still open goes on, and sends what it had not yet sent. It is kept in the user's own cache, not in the folder, which
 * may be shared: the token is a secret.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { cacheFolder } from '../host/cache-folder'
import { writeFileAtomic } from '../host/files'

export interface Address {
  port: number
  token: string
}

const Schema = v.object({
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
})

async function file(dir: string): Promise<string> {
  const key = createHash('sha256')
    .update(await realpath(dir))
    .digest('hex')
  return join(cacheFolder(), 'review', `${key.slice(0, 32)}.json`)
}

/** Null where there is none that can be read. */
export async function lastAddress(dir: string): Promise<Address | null> {
  try {
    return v.parse(Schema, JSON.parse(await readFile(await file(dir), 'utf8')))
  } catch {
    return null
  }
}

/** Keeps an address, for this user's eyes only. Where that fails the next address is a new one. */
export async function keepAddress(dir: string, address: Address): Promise<void> {
  try {
    const path = await file(dir)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFileAtomic(path, JSON.stringify(address), 0o600)
  } catch {
    // a cache that cannot be written
  }
}
