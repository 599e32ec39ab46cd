/** @file Random access to the members of a zip file, including ZIP64: an uncompressed member can be read in part. */
import { crc32, inflateRawSync } from 'node:zlib'
import { type Entry, openPromise } from 'yauzl'
import { messageOf, UserError } from '../host/errors'
import { openFile, readAt } from './open-file'

/** Zip files with more members are refused. */
const MAX_MEMBERS = 100_000
/**
 * A compressed member may be this many times as large as its bytes in the file, and one MiB larger. torch.save compresses nothing;
 * weights that somebody compressed shrink by a few percent.
 */
const MAX_RATIO = 20
/** Bytes read at once when a member's checksum is computed. */
const CHUNK = 2 ** 22

export interface Zip {
  /** Uncompressed size of a member in bytes; undefined if there is no member of this name. */
  size(name: string): number | undefined
  names(): Iterable<string>
  /** Reads the bytes [start, end) of a member, whose CRC is checked at the first time. @throws UserError if damaged */
  read(name: string, start?: number, end?: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Undefined in versions of Node that have no crc32. */
const crcOf = (bytes: Uint8Array, before?: number): number | undefined =>
  typeof crc32 === 'function' ? crc32(bytes, before) : undefined

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

  const checked = new Set<string>()
  /** The member that was unpacked last: tensors that share a storage are read one after the other. */
  let unpacked: { name: string; bytes: Uint8Array } | undefined

  async function read(name: string, start = 0, end?: number): Promise<Uint8Array> {
    const entry = members.get(name)
    if (!entry) throw new UserError(`${path}: the zip file has no member ${name}`)
    const to = end ?? entry.uncompressedSize
    if (unpacked?.name === name) return unpacked.bytes.slice(start, to)
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true }).catch((error: Error) => {
      throw new UserError(`${path}: member ${name}: ${error.message}`)
    })
    if (entry.compressionMethod === 0) {
      const bytes = await readAt(file, path, fileDataStart + start, to - start, `member ${name}`)
      if (!checked.has(name)) {
        const whole = bytes.length === entry.uncompressedSize
        checkCrc(entry, whole ? crcOf(bytes) : await crcInChunks(fileDataStart, entry))
        checked.add(name)
      }
      return bytes
    }
    if (entry.compressionMethod !== 8)
      throw new UserError(`${path}: member ${name}: its compression method is not supported`)
    if (entry.uncompressedSize > MAX_RATIO * entry.compressedSize + 2 ** 20)
      throw new UserError(
        `${path}: member ${name}: ${entry.compressedSize} bytes that unpack to ${entry.uncompressedSize} are no weights`,
      )
    const packed = await readAt(file, path, fileDataStart, entry.compressedSize, `member ${name}`)
    const bytes = inflate(packed, entry)
    checkCrc(entry, crcOf(bytes))
    unpacked = { name, bytes }
    return bytes.slice(start, to)
  }

  async function crcInChunks(begin: number, entry: Entry): Promise<number | undefined> {
    let crc: number | undefined
    for (let at = 0; at < entry.uncompressedSize; at += CHUNK) {
      const length = Math.min(CHUNK, entry.uncompressedSize - at)
      crc = crcOf(await readAt(file, path, begin + at, length, `member ${entry.fileName}`), crc)
    }
    return crc
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

  function checkCrc(entry: Entry, found: number | undefined): void {
    // 0 means that the file was written without checksums
    if (entry.crc32 && found !== undefined && found !== entry.crc32)
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
