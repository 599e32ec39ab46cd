/** @file Weights in the browser's origin private file system (OPFS): files that only pages of this origin can read. */
import { Sha256 } from '../host/sha256'
import { blobSource } from './byte-source'
import type { WeightCache } from './weight-cache'

/** The parts of the File System API that are used, declared here because Node has none. */
interface FileHandle {
  getFile(): Promise<Blob>
  createWritable(): Promise<{
    write(data: Blob | string): Promise<void>
    close(): Promise<void>
    abort(): Promise<void>
  }>
}
interface DirectoryHandle {
  getDirectoryHandle(name: string, options: { create: boolean }): Promise<DirectoryHandle>
  getFileHandle(name: string, options?: { create: boolean }): Promise<FileHandle>
  removeEntry(name: string): Promise<void>
}

/**
 * Keeps weights as files of the origin private file system, two each: the bytes, and their SHA-256 as text. For pages and workers that keep other
 * files there, or that have no Cache API. The person's browser may remove them when space is scarce, unless `navigator.storage.persist()` was granted.
 * @param folder its name at the top of that file system
 * @example
 * const opened = await openWeights(url, { cache: opfsCache() })
 */
export function opfsCache(folder = 'wgsam-weights'): WeightCache {
  const open = async () => {
    const { storage } =
      (globalThis as { navigator?: { storage?: { getDirectory?(): Promise<DirectoryHandle> } } }).navigator ?? {}
    if (!storage?.getDirectory)
      throw new Error('this page has no origin private file system, which needs https or localhost')
    return (await storage.getDirectory()).getDirectoryHandle(folder, { create: true })
  }
  return {
    async get(key) {
      const directory = await open()
      const name = nameOf(key)
      const record = await existing(directory, `${name}.sha256`)
      const bytes = record && (await existing(directory, `${name}.weights`))
      if (!record || !bytes) return null
      return { source: blobSource(await bytes.getFile(), key), sha256: await (await record.getFile()).text() }
    },
    async put(key, sha256, bytes) {
      const directory = await open()
      const name = nameOf(key)
      await write(directory, `${name}.weights`, bytes)
      // written last: without it there is nothing under the key
      await write(directory, `${name}.sha256`, sha256)
    },
    async remove(key) {
      const directory = await open()
      const name = nameOf(key)
      for (const end of ['sha256', 'weights'])
        if (await existing(directory, `${name}.${end}`)) await directory.removeEntry(`${name}.${end}`)
    },
  }
}

/** A key as the name of a file. */
const nameOf = (key: string): string => new Sha256().update(new TextEncoder().encode(key)).hex()

/** Null if there is no such file. */
const existing = (directory: DirectoryHandle, name: string): Promise<FileHandle | null> =>
  directory.getFileHandle(name).catch((error: Error) => {
    if (error.name === 'NotFoundError') return null
    throw error
  })

/** Writes a file whole or not at all: the browser exchanges it when it is closed. */
async function write(directory: DirectoryHandle, name: string, data: Blob | string): Promise<void> {
  const file = await (await directory.getFileHandle(name, { create: true })).createWritable()
  try {
    await file.write(data)
  } catch (error) {
    await file.abort()
    throw error
  }
  await file.close()
}
