import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

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
