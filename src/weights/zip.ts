/** @file Random access to the members of a zip file, including ZIP64: an uncompressed member can be read in part. */
import { crc32, inflateRawSync } from 'node:zlib'
import { type Entry, openPromise } from 'yauzl'
import { messageOf, UserError } from '../host/errors'
import { openFile, readAt } from './tensor-file'

/** Zip files with more members are refused. */
const MAX_MEMBERS = 100_000

export interface Zip {
  /** Uncompressed size of a member in bytes; undefined if there is no member of this name. */
  size(name: string): number | undefined
  names(): Iterable<string>
  /** Reads the bytes [start, end) of a member; a whole member is checked against its CRC. @throws UserError if damaged */
  read(name: string, start?: number, end?: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens a zip file and reads its directory. @throws UserError if it is damaged */
export async function openZip(path: string): Promise<Zip> {
  const { file } = await openFile(path)
  const fail = async (error: unknown): Promise<never> => {
    await file.close()
    throw new UserError(`${path}: damaged or truncated zip file: ${messageOf(error)}`)
  }
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false }).catch(fail)
  const members = new Map<string, Entry>()
  try {
    for await (const entry of zip.eachEntry()) {
      if (members.has(entry.fileName)) throw new Error(`${entry.fileName} occurs twice`)
      if (members.size === MAX_MEMBERS) throw new Error(`more than ${MAX_MEMBERS} members`)
      members.set(entry.fileName, entry)
    }
  } catch (error) {
    zip.close()
    return fail(error)
  }

  async function read(name: string, start = 0, end?: number): Promise<Uint8Array> {
    const entry = members.get(name)
    if (!entry) throw new UserError(`${path}: the zip file has no member ${name}`)
    const to = end ?? entry.uncompressedSize
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true }).catch((error: Error) => {
      throw new UserError(`${path}: member ${name}: ${error.message}`)
    })
    if (entry.compressionMethod === 0) {
      const bytes = await readAt(file, path, fileDataStart + start, to - start, `member ${name}`)
      if (bytes.length === entry.uncompressedSize) checkCrc(entry, bytes)
      return bytes
    }
    if (entry.compressionMethod !== 8)
      throw new UserError(`${path}: member ${name}: its compression method is not supported`)
    const packed = await readAt(file, path, fileDataStart, entry.compressedSize, `member ${name}`)
    const bytes = inflate(packed, entry)
    checkCrc(entry, bytes)
    return bytes.subarray(start, to)
  }

  function inflate(packed: Uint8Array, entry: Entry): Uint8Array {
    try {
      const bytes = inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) })
      if (bytes.length === entry.uncompressedSize) return bytes
    } catch {
      // reported below, with the member's name
    }
    throw new UserError(`${path}: member ${entry.fileName}: its compressed data is damaged`)
  }

  function checkCrc(entry: Entry, bytes: Uint8Array): void {
    // 0 means that the file was written without checksums
    if (entry.crc32 && typeof crc32 === 'function' && crc32(bytes) !== entry.crc32)
      throw new UserError(`${path}: member ${entry.fileName}: its checksum is wrong: the file is damaged`)
  }

  return {
    size: (name) => members.get(name)?.uncompressedSize,
    names: () => members.keys(),
    read,
    close: async () => {
      zip.close()
      await file.close()
    },
  }
}
