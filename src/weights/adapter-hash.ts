/** @file A hash of an adapter's content: another one may later be saved at the same path. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Hash of the files of an adapter, which is a folder, or of its only file. */
export function adapterHash(path: string): string {
  const hash = createHash('sha256')
  if (!statSync(path).isDirectory()) return hash.update(readFileSync(path)).digest('hex')
  for (const file of readdirSync(path).sort())
    if (file.startsWith('adapter_') || file.startsWith('prompt_head.')) hash.update(readFileSync(join(path, file)))
  return hash.digest('hex')
}
