import { existsSync, statSync } from 'node:fs'
import { access, constants, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { systemProblem, UserError } from './errors'

/** `data` to a file by `writeBeside`. */
export function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  return writeBeside(path, (file) => file.writeFile(data))
}

/**
 * Writes a file beside its place and renames it, so that a reader sees the old file or the new one, never half of one.
 * The data is on the disk before the rename; on any failure the old file, if there is one, is left as it was.
 */
export async function writeBeside(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.${process.pid}.part`
  try {
    const file = await open(beside, 'w')
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

/**
 * Looks, before long work, whether its result can be written. Nothing is made.
 * @throws UserError where the path is a folder, or its folder cannot be had or written to
 */
export async function expectWritable(path: string): Promise<void> {
  if (existsSync(path) && statSync(path).isDirectory()) throw new UserError(`${path} is a folder: name a file in it`)
  let folder = dirname(resolve(path))
  while (!existsSync(folder)) folder = dirname(folder)
  if (!statSync(folder).isDirectory()) throw new UserError(`cannot write ${path}: ${folder} is a file, not a folder`)
  await access(folder, constants.W_OK).catch((error) => {
    throw new UserError(`cannot write ${path}: ${systemProblem(error) ?? error.message}`)
  })
}
