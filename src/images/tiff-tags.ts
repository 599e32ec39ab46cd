/** @file The tags of TIFF and BigTIFF files, read within bounds: whatever a file claims, little is read and nothing loops. */
import { type FileHandle, open } from 'node:fs/promises'

/** Bytes of one value of each TIFF type; signed ones and floats are told apart in `numbers`. */
const typeSizes: Record<number, number> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
}

const mostPages = 65_536
const mostEntries = 4096
/** The longest value that is read: microscopes write some 10 KiB of text. */
const mostBytes = 2 ** 20

interface Entry {
  type: number
  count: number
  /** the value itself where it fits, else its place in the file */
  field: Buffer
  /** where the field itself lies in the file */
  fieldAt: number
}

/** The entries of one page (image file directory) by tag. */
export type TiffPage = ReadonlyMap<number, Entry>

/** Whether a file starts like a TIFF or BigTIFF. */
export const isTiff = (start: Uint8Array): boolean =>
  (start[0] === 0x49 && start[1] === 0x49 && (start[2] === 42 || start[2] === 43) && start[3] === 0) ||
  (start[0] === 0x4d && start[1] === 0x4d && start[2] === 0 && (start[3] === 42 || start[3] === 43))

export class TiffFile {
  readonly pages: TiffPage[] = []

  private constructor(
    private readonly file: FileHandle,
    private readonly size: number,
    readonly bigEndian: boolean,
    private readonly big: boolean,
  ) {}

  /** Opens a TIFF, hands it to `use` and closes it. @throws Error, without the file's name, where its directories are damaged */
  static async with<T>(path: string, use: (tiff: TiffFile) => Promise<T>): Promise<T> {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      const { buffer: header, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0)
      if (bytesRead < 8 || !isTiff(header)) throw new Error('it does not start like a TIFF')
      const bigEndian = header[0] === 0x4d
      const tiff = new TiffFile(file, size, bigEndian, (bigEndian ? header[3] : header[2]) === 43)
      await tiff.readDirectories(tiff.big ? tiff.word(header, 8, 8) : tiff.word(header, 4, 4))
      return await use(tiff)
    } finally {
      await file.close()
    }
  }

  /** A page's values of a tag as numbers (rationals divided), at most `limit`; none where it is absent or no number. */
  async numbers(page: TiffPage, tag: number, limit = 64): Promise<number[]> {
    const entry = page.get(tag)
    if (!entry || entry.type === 2) return []
    const size = typeSizes[entry.type] ?? 0
    const bytes = await this.bytes(entry, limit)
    return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => this.number(bytes, i * size, entry.type))
  }

  /** A page's text (or bytes, taken as text) of a tag as latin-1, up to the first NUL of its end. */
  async text(page: TiffPage, tag: number): Promise<string | undefined> {
    const entry = page.get(tag)
    if (!entry || ![1, 2, 7].includes(entry.type)) return undefined
    return (await this.bytes(entry, mostBytes)).toString('latin1').replace(/\0+$/, '')
  }

  /** The directory that a tag points to (EXIF); undefined where there is none. */
  async directory(page: TiffPage, tag: number): Promise<TiffPage | undefined> {
    const [at] = await this.numbers(page, tag, 1)
    return at === undefined ? undefined : (await this.readDirectory(at)).page
  }

  private async readDirectories(first: number): Promise<void> {
    const seen = new Set<number>()
    for (let at = first; at;) {
      if (seen.has(at)) throw new Error('the TIFF is damaged: its pages point at each other in a circle')
      if (seen.size === mostPages) throw new Error(`the TIFF has more than ${mostPages} pages`)
      seen.add(at)
      const { page, next } = await this.readDirectory(at)
      this.pages.push(page)
      at = next
    }
    if (!this.pages.length) throw new Error('the TIFF holds no page')
  }

  private async readDirectory(at: number): Promise<{ page: TiffPage; next: number }> {
    const [countSize, wordSize] = this.big ? [8, 8] : [2, 4]
    const count = this.word(await this.at(at, countSize), 0, countSize)
    if (count > mostEntries) throw new Error(`the TIFF is damaged: a page claims ${count} tags`)
    const entrySize = 4 + 2 * wordSize
    const bytes = await this.at(at + countSize, count * entrySize + wordSize)
    const page = new Map<number, Entry>()
    for (let i = 0; i < count; i++) {
      const from = i * entrySize
      const tag = this.word(bytes, from, 2)
      if (page.has(tag)) continue
      const field = bytes.subarray(from + 4 + wordSize, from + 4 + 2 * wordSize)
      const fieldAt = at + countSize + from + 4 + wordSize
      page.set(tag, {
        type: this.word(bytes, from + 2, 2),
        count: this.word(bytes, from + 4, wordSize),
        field,
        fieldAt,
      })
    }
    return { page, next: this.word(bytes, count * entrySize, wordSize) }
  }

  /** The first values of an entry, at most `limit` of them and never more than a megabyte. */
  private async bytes({ type, count, field }: Entry, limit: number): Promise<Buffer> {
    const size = typeSizes[type]
    if (!size) return Buffer.alloc(0)
    const wanted = Math.min(count, limit, Math.floor(mostBytes / size)) * size
    if (count * size <= field.length) return field.subarray(0, wanted)
    return this.at(this.word(field, 0, field.length), wanted)
  }

  /** Bytes of the file. @throws Error where they lie beyond its end */
  async at(place: number, length: number): Promise<Buffer> {
    if (!(place + length <= this.size)) throw new Error('the TIFF is cut off or damaged: a part lies beyond its end')
    const { buffer, bytesRead } = await this.file.read(Buffer.alloc(length), 0, length, place)
    if (bytesRead < length) throw new Error('the TIFF is cut off')
    return buffer
  }

  private word(bytes: Buffer, at: number, size: number): number {
    if (size === 8) return Number(this.bigEndian ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at))
    return this.bigEndian ? bytes.readUIntBE(at, size) : bytes.readUIntLE(at, size)
  }

  private number(bytes: Buffer, at: number, type: number): number {
    const unsigned = (place: number, size: number) => this.word(bytes, place, size)
    const signed = (place: number, size: number) => {
      const value = unsigned(place, size)
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value
    }
    if (type === 5) return unsigned(at, 4) / unsigned(at + 4, 4)
    if (type === 10) return signed(at, 4) / signed(at + 4, 4)
    if (type === 11) return this.bigEndian ? bytes.readFloatBE(at) : bytes.readFloatLE(at)
    if (type === 12) return this.bigEndian ? bytes.readDoubleBE(at) : bytes.readDoubleLE(at)
    const size = typeSizes[type]
    return [6, 8, 9, 17].includes(type) ? signed(at, size) : unsigned(at, size)
  }
}
