/** @file Makes small zip files: members are stored uncompressed. */
import { crc32 } from './crc32'

/** Date and time of all members, so that the same content gives the same bytes: 1 January 1980. */
const DATE = 33
/** The version of the format that is needed, and the flag that names are UTF-8. */
const [VERSION, UTF8] = [20, 0x800]
/** Zip files of more members or bytes need a larger form of the format. */
const MAX_MEMBERS = 0xffff
const MAX_BYTES = 0xffffffff

/** The bytes of a zip file. @throws Error if it would have too many members or bytes */
export function zipOf(members: readonly { name: string; bytes: Uint8Array }[]): Buffer {
  if (members.length > MAX_MEMBERS) throw new Error(`${members.length} members are too many for a zip file`)
  const [local, central]: [Buffer[], Buffer[]] = [[], []]
  let at = 0
  for (const { name, bytes } of members) {
    const title = Buffer.from(name, 'utf8')
    // the fields that both headers share, from the version to the length of the extra field
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(VERSION, 0)
    fields.writeUInt16LE(UTF8, 2)
    fields.writeUInt16LE(DATE, 8)
    fields.writeUInt32LE(crc32(bytes), 10)
    fields.writeUInt32LE(bytes.length, 14)
    fields.writeUInt32LE(bytes.length, 18)
    fields.writeUInt16LE(title.length, 22)
    local.push(Buffer.from('PK\x03\x04', 'latin1'), fields, title, Buffer.from(bytes))
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    central.push(Buffer.from([0x50, 0x4b, 1, 2, VERSION, 0]), fields, rest, title)
    at += 4 + fields.length + title.length + bytes.length
    if (at > MAX_BYTES) throw new Error('the zip file would be larger than 4 GB')
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...local, directory, end])
}
