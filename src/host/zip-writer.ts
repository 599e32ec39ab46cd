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
export function zipOf(members: readonly { name: string; bytes: Uint8Array }[]): Uint8Array<ArrayBuffer> {
  if (members.length > MAX_MEMBERS) throw new Error(`${members.length} members are too many for a zip file`)
  const [local, central]: [Uint8Array[], Uint8Array[]] = [[], []]
  let at = 0
  for (const { name, bytes } of members) {
    const title = new TextEncoder().encode(name)
    // the fields that both headers share, from the version to the length of the extra field
    const fields = new Uint8Array(26)
    const view = new DataView(fields.buffer)
    view.setUint16(0, VERSION, true)
    view.setUint16(2, UTF8, true)
    view.setUint16(8, DATE, true)
    view.setUint32(10, crc32(bytes), true)
    view.setUint32(14, bytes.length, true)
    view.setUint32(18, bytes.length, true)
    view.setUint16(22, title.length, true)
    local.push(Uint8Array.of(0x50, 0x4b, 3, 4), fields, title, bytes)
    const rest = new Uint8Array(14)
    new DataView(rest.buffer).setUint32(10, at, true)
    central.push(Uint8Array.of(0x50, 0x4b, 1, 2, VERSION, 0), fields, rest, title)
    at += 4 + fields.length + title.length + bytes.length
    if (at > MAX_BYTES) throw new Error('the zip file would be larger than 4 GB')
  }
  const directory = central.reduce((sum, { length }) => sum + length, 0)
  const end = new Uint8Array(22)
  const view = new DataView(end.buffer)
  end.set([0x50, 0x4b, 5, 6])
  view.setUint16(8, members.length, true)
  view.setUint16(10, members.length, true)
  view.setUint32(12, directory, true)
  view.setUint32(16, at, true)
  const all = new Uint8Array(at + directory + end.length)
  let to = 0
  for (const part of [...local, ...central, end]) {
    all.set(part, to)
    to += part.length
  }
  return all
}
