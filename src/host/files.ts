/** @file Files that are complete or absent: each is made under a temporary name beside its place, then renamed. */
import { existsSync, statSync } from 'node:fs'
import { access, constants, copyFile, type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { messageOf, systemProblem, UserError, withPath } from './errors'

/** The temporary name of a file or folder that this process is making. */
export const partialPath = (path: string): string => `${path}.${process.pid}.part`

/** The names in a folder; none if there is no such folder. @throws UserError if it cannot be read */
export const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(noneIfMissing(folder))

/** A handler of readdir's errors: nothing is in a folder that does not exist. @throws UserError if it cannot be read */
export const noneIfMissing =
  (folder: string) =>
  (error: NodeJS.ErrnoException): never[] => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw new UserError(`cannot read the folder ${folder}: ${messageOf(error, folder)}`)
  }

/** Makes a folder and those above it. @throws Error of the operating system that says why not */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode })
  } catch (error) {
    // on a read-only disk a recursive mkdir says that the folder does not exist
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') await access(nearestFolder(path), constants.W_OK)
    throw error
  }
}

/** The folder itself, or the nearest above it that exists. */
function nearestFolder(path: string): string {
  let folder = resolve(path)
  while (!existsSync(folder)) folder = dirname(folder)
  return folder
}

/**
 * Makes a file or folder under a temporary name in the same folder, then renames it, so that a reader sees the old one or
 * the new one. If `make` or the rename fails, whatever was made is removed and the old one is left as it was. A folder
 * that is not empty cannot be replaced by renaming: `make` has to remove it.
 */
export async function makeAtomic(path: string, make: (partial: string) => Promise<void>): Promise<void> {
  await makeFolder(dirname(path))
  const partial = partialPath(path)
  try {
    await make(partial)
    await rename(partial, path)
  } catch (error) {
    // on a disk that has become read-only the cause is the error that counts
    await rm(partial, { recursive: true, force: true }).catch(() => {})
    throw withPath(error, path)
  }
}

/**
 * Removes what programs that were killed left in folders under temporary names.
 * @param age in seconds: younger files are kept, as a program on another machine may be writing them; 0 for folders that this
 * program has locked
 */
export async function removePartialFiles(folders: readonly string[], age = 0): Promise<void> {
  for (const folder of folders)
    for (const name of await readdir(folder).catch(() => [])) {
      const [, pid] = /\.(\d{1,9})\.part$/.exec(name) ?? []
      if (!pid || (Number(pid) !== process.pid && isRunning(Number(pid)))) continue
      const path = join(folder, name)
      const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity }
      if (mtimeMs <= Date.now() - 1000 * age) await rm(path, { recursive: true, force: true }).catch(() => {})
    }
}

/** True if a process with this id runs on this machine. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Writes a file by makeAtomic, and flushes the data to the disk before the rename. `mode`: permissions of a new file. */
export const writeAtomic = (path: string, write: (file: FileHandle) => Promise<void>, mode?: number): Promise<void> =>
  makeAtomic(path, async (partial) => {
    const file = await open(partial, 'w', mode)
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
  })

/** Writes `data` to a file by writeAtomic. */
export const writeFileAtomic = (path: string, data: string | Uint8Array, mode?: number): Promise<void> =>
  writeAtomic(path, (file) => file.writeFile(data), mode)

/** Copies a file by makeAtomic. */
export const copyFileAtomic = (from: string, to: string): Promise<void> =>
  makeAtomic(to, (partial) => copyFile(from, partial, constants.COPYFILE_FICLONE))

/**
 * Checks, before long work, that its result can be written. Creates nothing.
 * @throws UserError if the path is a folder, or its folder cannot be created or written to
 */
export async function expectWritable(path: string): Promise<void> {
  if (existsSync(path) && statSync(path).isDirectory()) throw new UserError(`${path} is a folder: name a file in it`)
  const folder = nearestFolder(dirname(resolve(path)))
  if (!statSync(folder).isDirectory()) throw new UserError(`cannot write ${path}: ${folder} is a file, not a folder`)
  await access(folder, constants.W_OK).catch((error) => {
    throw new UserError(`cannot write ${path}: ${systemProblem(error) ?? error.message}`)
  })
}
