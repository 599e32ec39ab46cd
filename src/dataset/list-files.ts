/** @file Lists the files of a folder and its subfolders. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'

/**
 * The files in a folder and below it as sorted paths relative to it, with slashes; hidden ones are skipped.
 * @throws UserError if a folder cannot be read
 */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `cannot read the folder ${folder}: ${error.code === 'ENOENT' ? 'there is no such folder' : messageOf(error, folder)}`,
    )
  })
  const lists = await Promise.all(
    entries.map(async (entry) => {
      if (entry.name.startsWith('.')) return []
      if (!entry.isDirectory()) return [entry.name]
      return (await listFiles(join(folder, entry.name))).map((path) => `${entry.name}/${path}`)
    }),
  )
  return lists.flat().sort()
}
