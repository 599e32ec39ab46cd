/** @file Links must not lead out of a folder whose files are shown to others. */
import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'
import { UserError } from './errors'

/** True if a path, with all links followed, is a folder's own, or does not exist. `root` is the folder's real path. */
export async function staysInside(root: string, path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => null)
  return real === null || real.startsWith(root.endsWith(sep) ? root : root + sep)
}

/**
 * The real path of a file of a folder, to be opened at once: a link may have replaced the file since it was checked last. A file
 * that is gone keeps its path.
 * @throws UserError if it leads out of the folder
 */
export async function pathInside(folder: string, path: string): Promise<string> {
  if (!(await staysInside(await realpath(folder), path)))
    throw new UserError(`${path} is a link that leads out of ${folder}: it is not opened`)
  return realpath(path).catch(() => path)
}
