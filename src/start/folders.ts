/** @file The folders that the home page lists: those below the user's home folder and below the folder of the start. */
import { existsSync } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, extname, join, resolve, sep } from 'node:path'
import { imageExtensions } from '../images/sniff-image'
import { messageOf, systemProblem, UserError } from '../host/errors'
import { HttpError } from '../host/http-error'
import type { FolderList } from './protocol'

/** The maximum number of folders listed. */
const MAX_LISTED = 2_000

/** True if the folder was made by `wgsam generate` or `wgsam review`. */
export const isProject = (path: string): boolean =>
  ['proposals', 'review', 'generate.json', join('start', 'project.json')].some((name) => existsSync(join(path, name)))

/**
 * The folders in a folder.
 * @param start the folder of the start; one of the two roots beside the user's home folder
 * @throws HttpError 403 for a folder outside both roots, UserError for one that cannot be read
 */
export async function listFolders(path: string, start: string): Promise<FolderList> {
  const roots = await Promise.all([homedir(), start].map((root) => realpath(root).catch(() => resolve(root))))
  const at = await realpath(resolve(path)).catch(() => {
    throw new UserError(`there is no folder ${path}`)
  })
  const inside = (folder: string) =>
    roots.some((root) => folder === root || folder.startsWith(root.endsWith(sep) ? root : root + sep))
  if (!inside(at))
    throw new HttpError(403, 'only your home folder and the folder of the start are listed: type the path instead')
  const entries = await readdir(at, { withFileTypes: true }).catch((error: unknown) => {
    throw new UserError(systemProblem(error) ?? messageOf(error))
  })
  const names = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map(({ name }) => name)
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .slice(0, MAX_LISTED)
  const up = dirname(at)
  return {
    path: at,
    parent: up !== at && inside(up) ? up : null,
    folders: names.map((name) => ({ name, path: join(at, name) })),
    images: entries.filter((entry) => entry.isFile() && isImageName(entry.name)).length,
    project: isProject(at),
    places: [...new Set([roots[1], roots[0]])].map((root) => ({
      name: root === roots[0] ? 'Home' : basename(root) || root,
      path: root,
    })),
  }
}

const isImageName = (name: string) => !name.startsWith('.') && imageExtensions.includes(extname(name).toLowerCase())

/** The absolute path of a folder that a person typed. @throws UserError if it is none */
export async function typedFolder(typed: string): Promise<string> {
  const path = resolve(typed.replace(/^~(?=$|[\\/])/, homedir()))
  const found = await stat(path).catch((error: unknown) => {
    throw new UserError(systemProblem(error) ?? messageOf(error))
  })
  if (!found.isDirectory()) throw new UserError(`${path} is a file: name its folder`)
  return path
}
