/**
 * @file Random access to the members of a zip file, including ZIP64: an uncompressed member can be read in part. It runs in any host.
 */
import { crc32After } from '../host/crc32'
import { UserError } from '../host/errors'
import { type ByteSource, readRange } from './byte-source'
import { DamagedZip, dataStart, readDirectory, type ZipMember } from './zip-directory'

/**
 * A compressed member may be this many times as large as its bytes in the file, and one MiB larger. torch.save compresses nothing;
 * weights that somebody compressed shrink by a few percent.
 */
const MAX_RATIO = 20
/** Bytes read at once when a member's checksum is computed. */
const CHUNK = 2 ** 22
/** The methods of compression: none, and deflate. */
const [STORED, DEFLATED] = [0, 8]

export interface Zip {
  /** Uncompressed size of a member in bytes; undefined if there is no member of this name. */
  size(name: string): number | undefined
  names(): Iterable<string>
  /** Reads the bytes [start, end) of a member, whose CRC is checked at the first time. @throws UserError if damaged */
  read(name: string, start?: number, end?: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens a zip file and reads its directory. @throws UserError if it is damaged; the source is then closed */
export async function openZip(source: ByteSource): Promise<Zip> {
  const { name: path } = source
  const members = await readDirectory(source).catch(async (error) => {
    await source.close()
    // other errors are the source's own, such as a server that no longer answers
    if (!(error instanceof DamagedZip)) throw error
    throw new UserError(`${path}: damaged or truncated zip file: ${error.message}`)
  })
  const checked = new Set<string>()
  /** The member that was unpacked last: tensors that share a storage are read one after the other. */
  let unpacked: { name: string; bytes: Uint8Array } | undefined

  async function read(name: string, start = 0, end?: number): Promise<Uint8Array> {
    const member = members.get(name)
    if (!member) throw new UserError(`${path}: the zip file has no member ${name}`)
    const to = end ?? member.size
    if (unpacked?.name === name) return unpacked.bytes.slice(start, to)
    const fail = (what: string) => new UserError(`${path}: member ${name}: ${what}`)
    if (member.encrypted) throw fail('it is encrypted')
    if (member.method !== STORED && member.method !== DEFLATED) throw fail('its compression method is not supported')
    const data = await dataStart(source, member).catch((error) => {
      throw error instanceof DamagedZip ? fail(error.message) : error
    })
    if (member.method === STORED) {
      if (member.packed !== member.size) throw fail('its two sizes differ: the file is damaged')
      const bytes = await readRange(source, data + start, to - start, `member ${name}`)
      if (!checked.has(name)) {
        const whole = bytes.length === member.size
        checkCrc(member, whole ? crc32After(0, bytes) : await crcInChunks(data, member))
        checked.add(name)
      }
      return bytes
    }
    if (member.size > MAX_RATIO * member.packed + 2 ** 20)
      throw fail(`${member.packed} bytes that unpack to ${member.size} are no weights`)
    const packed = await readRange(source, data, member.packed, `member ${name}`)
    const bytes = await inflate(packed, member.size, inflater(fail))
    if (!bytes) throw fail('its compressed data is damaged')
    checkCrc(member, crc32After(0, bytes))
    unpacked = { name, bytes }
    return bytes.slice(start, to)
  }

  async function crcInChunks(begin: number, { name, size }: ZipMember): Promise<number> {
    let crc = 0
    for (let at = 0; at < size; at += CHUNK)
      crc = crc32After(crc, await readRange(source, begin + at, Math.min(CHUNK, size - at), `member ${name}`))
    return crc
  }

  function checkCrc({ name, crc32 }: ZipMember, found: number): void {
    // 0 means that the file was written without checksums
    if (crc32 && found !== crc32)
      throw new UserError(`${path}: member ${name}: its checksum is wrong: the file is damaged`)
  }

  return {
    size: (name) => members.get(name)?.size,
    names: () => members.keys(),
    read,
    close: () => source.close(),
  }
}

function inflater(fail: (what: string) => UserError): DecompressionStream {
  try {
    return new DecompressionStream('deflate-raw')
  } catch {
    throw fail('it is compressed, which this host cannot unpack (Node can from version 20.12)')
  }
}

/** Unpacks deflated bytes; null if they are damaged or do not unpack to `size` bytes. No more than these are unpacked. */
async function inflate(packed: Uint8Array, size: number, stream: DecompressionStream): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(size)
  let at = 0
  try {
    const source = new Blob([packed as Uint8Array<ArrayBuffer>]).stream()
    for (const reader = source.pipeThrough(stream).getReader(); ;) {
      const { done, value } = await reader.read()
      if (done) return at === size ? bytes : null
      if (at + value.length > size) {
        await reader.cancel()
        return null
      }
      bytes.set(value, at)
      at += value.length
    }
  } catch {
    return null
  }
}
