/**
 * @file The directory of a zip file, ZIP64 included: names, sizes and places of its members. It stands at the end of the file, so that
 * a member is found without reading the others. It runs in any host.
 */
import { type ByteSource, readRange } from './byte-source'

/** Zip files with more members are refused. */
const MAX_MEMBERS = 100_000
/** Bytes of the end record, and of the longest comment after it. */
const [END, MAX_COMMENT] = [22, 0xffff]
/** Bytes of the record that says where the end record of ZIP64 is, and of that record. */
const [LOCATOR, END64] = [20, 56]
/** Bytes of an entry of the directory, and of the header before a member's data, without the names. */
const [ENTRY, LOCAL] = [46, 30]
/** What a field of 32 or 16 bits holds if its value is in the extra field of ZIP64. */
const [WIDE32, WIDE16] = [0xffffffff, 0xffff]

const signatures = { end: 0x06054b50, locator: 0x07064b50, end64: 0x06064b50, entry: 0x02014b50, local: 0x04034b50 }

/** What is wrong with a zip file. */
export class DamagedZip extends Error {}

/** A member of a zip file. */
export interface ZipMember {
  name: string
  /** 0: stored, 8: deflated. */
  method: number
  encrypted: boolean
  /** Bytes in the file, and unpacked. */
  packed: number
  size: number
  crc32: number
  /** Position of its header in the file, in bytes. */
  header: number
}

/** Reads the directory. @throws DamagedZip that says what is damaged · UserError if the source ends too early */
export async function readDirectory(source: ByteSource): Promise<Map<string, ZipMember>> {
  const { count, start, size } = await findDirectory(source)
  if (count > MAX_MEMBERS) throw new DamagedZip(`more than ${MAX_MEMBERS} members`)
  const directory = viewOf(await readRange(source, start, size, 'its directory'))
  const members = new Map<string, ZipMember>()
  for (let at = 0, i = 0; i < count; i++) {
    if (at + ENTRY > size || directory.getUint32(at, true) !== signatures.entry)
      throw new DamagedZip(`entry ${i} of its directory is damaged`)
    const lengths = [28, 30, 32].map((field) => directory.getUint16(at + field, true))
    const end = at + ENTRY + lengths[0] + lengths[1] + lengths[2]
    if (end > size) throw new DamagedZip(`entry ${i} of its directory reaches beyond it`)
    const member = readEntry(directory, at, lengths[0], lengths[1])
    if (members.has(member.name)) throw new DamagedZip(`${member.name} occurs twice`)
    if (member.header + LOCAL + member.packed > start) throw new DamagedZip(`${member.name} reaches into its directory`)
    members.set(member.name, member)
    at = end
  }
  return members
}

/** Where the data of a member begins, in bytes. @throws DamagedZip if its header is damaged */
export async function dataStart(source: ByteSource, { header }: ZipMember): Promise<number> {
  const view = viewOf(await readRange(source, header, LOCAL, 'its header'))
  if (view.getUint32(0, true) !== signatures.local) throw new DamagedZip('its header is damaged')
  return header + LOCAL + view.getUint16(26, true) + view.getUint16(28, true)
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => new DataView(buffer, byteOffset, byteLength)

/** Number of members, and position and bytes of the directory. */
async function findDirectory(source: ByteSource): Promise<{ count: number; start: number; size: number }> {
  const length = Math.min(source.size, END + MAX_COMMENT + LOCATOR)
  const tail = viewOf(await readRange(source, source.size - length, length, 'its end'))
  const at = findEnd(tail)
  const short = (field: number) => tail.getUint16(at + field, true)
  let [count, size, start] = [short(10), tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)]
  const disks = short(4) || short(6) || short(8) !== count
  const wide = count === WIDE16 || size === WIDE32 || start === WIDE32
  if (wide && at >= LOCATOR && tail.getUint32(at - LOCATOR, true) === signatures.locator) {
    const place = wideAt(tail, at - LOCATOR + 8)
    const end = viewOf(await readRange(source, place, END64, 'its end record of ZIP64'))
    if (end.getUint32(0, true) !== signatures.end64) throw new DamagedZip('its end record of ZIP64 is damaged')
    ;[count, size, start] = [32, 40, 48].map((field) => wideAt(end, field))
  } else if (disks) throw new DamagedZip('it is one of several parts')
  // where the directory ends: before the end record, or before the records of ZIP64
  if (start + size > source.size - length + at) throw new DamagedZip('its directory reaches beyond its end')
  if (count * ENTRY > size) throw new DamagedZip(`${count} members do not fit its directory`)
  return { count, start, size }
}

/** Position of the end record in the last bytes of a file: the last one whose comment ends where the file does. */
function findEnd(tail: DataView): number {
  for (let at = tail.byteLength - END; at >= 0; at--)
    if (tail.getUint32(at, true) === signatures.end && at + END + tail.getUint16(at + 20, true) === tail.byteLength)
      return at
  throw new DamagedZip('its end is missing')
}

/** A 64-bit number. @throws DamagedZip if no file is that large */
function wideAt(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true))
  if (!Number.isSafeInteger(value)) throw new DamagedZip('a number in it is too large')
  return value
}

function readEntry(view: DataView, at: number, nameBytes: number, extraBytes: number): ZipMember {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + ENTRY, nameBytes)
  const name = new TextDecoder().decode(bytes)
  const [packed, size, header] = wideFields(view, at, at + ENTRY + nameBytes, extraBytes)
  return {
    name,
    method: view.getUint16(at + 10, true),
    encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
    packed,
    size,
    crc32: view.getUint32(at + 16, true),
    header,
  }
}

/** Packed size, size and header of an entry; those that need more than 32 bits are in the extra field of ZIP64, in another order. */
function wideFields(view: DataView, entry: number, extra: number, extraBytes: number): [number, number, number] {
  const [packed, size, header] = [20, 24, 42].map((field) => view.getUint32(entry + field, true))
  if (packed !== WIDE32 && size !== WIDE32 && header !== WIDE32) return [packed, size, header]
  for (let at = extra; at + 4 <= extra + extraBytes; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue
    const end = Math.min(at + 4 + view.getUint16(at + 2, true), extra + extraBytes)
    let next = at + 4
    const wide = (value: number) => {
      if (value !== WIDE32) return value
      next += 8
      if (next > end) throw new DamagedZip('an extra field of ZIP64 is too short')
      return wideAt(view, next - 8)
    }
    const whole = wide(size)
    const parts = wide(packed)
    return [parts, whole, wide(header)]
  }
  return [packed, size, header]
}
