/**
 * @file Reads the tree of tags of Gatan DigitalMicrograph files (DM3, DM4). Gatan has not published the format; it is described at
 * https://www.er-c.org/cbb/info/dmformat. Reading goes forward only and within limits, whatever a file claims.
 */
import { type FileHandle, open } from 'node:fs/promises'

/** Files with more tags, or groups nested deeper, are refused. */
const MAX_TAGS = 200_000
const MAX_DEPTH = 64
/** Fields of a structure, and numbers that describe a tag's value. */
const MAX_INFO = 1000
/** Longer texts are not kept. */
const MAX_TEXT = 4096
/** Bytes that are read at once. */
const WINDOW = 2 ** 16

const [STRUCT, TEXT, ARRAY] = [15, 18, 20]
const [GROUP, TAG] = [20, 21]
/** Bytes of each type of number. */
export const dmSizes: Record<number, number> = { 2: 2, 3: 4, 4: 2, 5: 4, 6: 4, 7: 8, 8: 1, 9: 1, 10: 1, 11: 8, 12: 8 }

/** Numbers that stay in the file: their type, count and place. */
export interface DmArray {
  /** 2 int16, 3 int32, 4 uint16, 5 uint32, 6 float, 7 double, 8 bool, 9 and 10 bytes, 11 int64, 12 uint64; null for structures. */
  type: number | null
  count: number
  offset: number
  bytes: number
}
export type DmValue = number | string | DmArray | DmGroup
/** Tags by name; those without a name have their number in the group. */
export type DmGroup = Map<string, DmValue>

export interface DmFile {
  version: 3 | 4
  /** Of the values; the structure of the file is big-endian. */
  littleEndian: boolean
  root: DmGroup
  file: FileHandle
}

/** Opens a file, reads its tags and closes it after `use`. @throws Error without the file's name */
export async function withDmFile<T>(path: string, use: (file: DmFile) => Promise<T>): Promise<T> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    return await use({ ...(await new TagReader(file, size).read()), file })
  } finally {
    await file.close()
  }
}

/** The group at a path of names; undefined if there is none. */
export function groupAt(group: DmGroup | undefined, ...names: string[]): DmGroup | undefined {
  let at: DmValue | undefined = group
  for (const name of names) at = at instanceof Map ? at.get(name) : undefined
  return at instanceof Map ? at : undefined
}

/** True if a file's first bytes are those of DigitalMicrograph. */
export function isDm(start: Uint8Array): boolean {
  const [a, b, c, version] = start
  if (a || b || c || (version !== 3 && version !== 4)) return false
  const flag = version === 3 ? 8 : 12
  return start[flag] === 0 && start[flag + 1] === 0 && start[flag + 2] === 0 && start[flag + 3] <= 1
}

class TagReader {
  private at = 0
  private window = Buffer.alloc(0)
  private windowAt = 0
  private tags = 0
  private version: 3 | 4 = 3
  private littleEndian = true

  constructor(
    private readonly file: FileHandle,
    private readonly size: number,
  ) {}

  async read(): Promise<Omit<DmFile, 'file'>> {
    const version = (await this.take(4)).readUInt32BE()
    if (version !== 3 && version !== 4)
      throw new Error(`DigitalMicrograph's version ${version} is not supported, only 3 and 4`)
    this.version = version
    await this.length()
    this.littleEndian = (await this.take(4)).readUInt32BE() === 1
    const root = await this.group(0)
    return { version, littleEndian: this.littleEndian, root }
  }

  private async group(depth: number): Promise<DmGroup> {
    if (depth > MAX_DEPTH)
      throw new Error(`its groups of tags are nested more than ${MAX_DEPTH} deep: the file is damaged`)
    await this.take(2)
    const count = await this.length()
    const group: DmGroup = new Map()
    for (let i = 0; i < count; i++) {
      if (++this.tags > MAX_TAGS) throw new Error(`it has more than ${MAX_TAGS} tags`)
      const kind = (await this.take(1))[0]
      if (kind === 0) break
      if (kind !== GROUP && kind !== TAG)
        throw new Error(`it has a tag of the unknown kind ${kind}: the file is damaged`)
      const length = (await this.take(2)).readUInt16BE()
      const name = (await this.take(length)).toString('latin1') || String(i)
      if (this.version === 4) await this.length()
      const value = kind === GROUP ? await this.group(depth + 1) : await this.value(name)
      // what a name occurs for a second time is left out
      if (value !== undefined && !group.has(name)) group.set(name, value)
    }
    return group
  }

  private async value(name: string): Promise<DmValue | undefined> {
    if ((await this.take(4)).toString('latin1') !== '%%%%')
      throw new Error('a tag does not begin with its mark: the file is damaged')
    const count = await this.length()
    if (count < 1 || count > MAX_INFO) throw new Error(`a tag is described by ${count} numbers: the file is damaged`)
    const info: number[] = []
    for (let i = 0; i < count; i++) info.push(await this.length())
    const [kind] = info
    if (kind === STRUCT) return void (await this.skip(structBytes(info, 0)))
    if (kind === TEXT) return this.text(info[1] ?? 0)
    if (kind !== ARRAY) return this.number(kind)
    const isStruct = info[1] === STRUCT
    const length = info.at(-1)!
    const bytes = length * (isStruct ? structBytes(info, 1) : sizeOf(info[1]))
    // texts are such arrays too; the values of a small image are no text
    if (!isStruct && info[1] === 4 && name !== 'Data' && length * 2 <= MAX_TEXT) return this.text(bytes)
    const array: DmArray = { type: isStruct ? null : info[1], count: length, offset: this.at, bytes }
    await this.skip(bytes)
    return array
  }

  /** UTF-16, as arrays of uint16 hold it; undefined if it is long. */
  private async text(bytes: number): Promise<string | undefined> {
    if (bytes > MAX_TEXT) return void (await this.skip(bytes))
    const taken = Buffer.from(await this.take(bytes))
    if (!this.littleEndian && bytes % 2 === 0) taken.swap16()
    return taken.toString('utf16le')
  }

  private async number(type: number): Promise<number> {
    const bytes = Buffer.from(await this.take(sizeOf(type)))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return numberAt(view, 0, type, this.littleEndian)
  }

  /** A count of the structure: 4 bytes, in DM4 8. */
  private async length(): Promise<number> {
    const value =
      this.version === 4 ? Number((await this.take(8)).readBigUInt64BE()) : (await this.take(4)).readUInt32BE()
    if (!Number.isSafeInteger(value)) throw new Error('a count of its tags is beyond all sizes: the file is damaged')
    return value
  }

  private async skip(bytes: number): Promise<void> {
    if (!(bytes >= 0 && this.at + bytes <= this.size))
      throw new Error(`it is truncated: it ends after ${this.size} bytes`)
    this.at += bytes
  }

  /** The next bytes; valid until the next call. */
  private async take(bytes: number): Promise<Buffer> {
    const from = this.at
    await this.skip(bytes)
    if (from < this.windowAt || this.at > this.windowAt + this.window.length) {
      const buffer = Buffer.alloc(Math.min(Math.max(WINDOW, bytes), this.size - from))
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, from)
      if (bytesRead < bytes) throw new Error('it became shorter while it was read')
      this.window = buffer.subarray(0, bytesRead)
      this.windowAt = from
    }
    return this.window.subarray(from - this.windowAt, this.at - this.windowAt)
  }
}

function sizeOf(type: number): number {
  const size = dmSizes[type]
  if (!size) throw new Error(`it has a tag of the unknown type ${type}: the file is damaged`)
  return size
}

/** Bytes of a structure, whose description begins with its kind, the length of its name and the number of fields. */
function structBytes(info: readonly number[], from: number): number {
  const fields = info[from + 2]
  if (!(fields >= 0 && from + 3 + 2 * fields <= info.length))
    throw new Error('a structure is not described: the file is damaged')
  let bytes = 0
  for (let i = 0; i < fields; i++) bytes += sizeOf(info[from + 4 + 2 * i])
  return bytes
}

/** A number of one of DigitalMicrograph's types. */
export function numberAt(view: DataView, at: number, type: number, littleEndian: boolean): number {
  if (type === 2) return view.getInt16(at, littleEndian)
  if (type === 3) return view.getInt32(at, littleEndian)
  if (type === 4) return view.getUint16(at, littleEndian)
  if (type === 5) return view.getUint32(at, littleEndian)
  if (type === 6) return view.getFloat32(at, littleEndian)
  if (type === 7) return view.getFloat64(at, littleEndian)
  if (type === 11) return Number(view.getBigInt64(at, littleEndian))
  if (type === 12) return Number(view.getBigUint64(at, littleEndian))
  return type === 9 ? view.getInt8(at) : view.getUint8(at)
}
