/**
 * @file Reads the tags of TIFF and BigTIFF files, from any source of bytes. Whatever a file claims, reading is bounded and cannot loop
 * forever.
 */

/** Bytes of one value of each TIFF type, by the type's number. */
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

/** Files with more pages, or pages with more tags, are refused. */
const MAX_PAGES = 65_536
const MAX_ENTRIES = 4096
/** At most this many bytes of a tag's value are read: microscopes write some 10 KiB of text. */
const MAX_VALUE_BYTES = 2 ** 20
/** Lists of numbers may be longer: an image of many tiles has as many offsets. */
const MAX_LIST_BYTES = 2 ** 26
/** Bytes that are read of a directory at first: enough for most. */
const DIRECTORY_BYTES = 512

/** Numbers of the tags that describe where ImageJ's further images lie. */
const TAG = { compression: 259, photometric: 262, description: 270, offsets: 273, samples: 277, counts: 279, rows: 278 }
/** TIFF's type of 64-bit unsigned integers. */
const LONG8 = 16

interface Entry {
  type: number
  count: number
  /** The value itself if it fits, else its offset in the file. */
  field: Uint8Array
}

/** The entries of one page (image file directory) by tag. */
export type TiffPage = Pick<ReadonlyMap<number, Entry>, 'get' | 'has'>

/** True if a file's first bytes are those of a TIFF or BigTIFF. */
export const isTiff = (start: Uint8Array): boolean =>
  (start[0] === 0x49 && start[1] === 0x49 && (start[2] === 42 || start[2] === 43) && start[3] === 0) ||
  (start[0] === 0x4d && start[1] === 0x4d && start[2] === 0 && (start[3] === 42 || start[3] === 43))

/** What a host offers for a TIFF: its bytes, and the decompression of deflated ones. */
export interface TiffSource {
  /** Bytes of the file. */
  readonly size: number
  /** Reads the bytes [start, start + length), or fewer if the file ends before. */
  read(start: number, length: number): Promise<Uint8Array>
  /** Inflates a zlib stream. @throws Error if it is damaged, or has more than `most` bytes */
  inflate(bytes: Uint8Array, most: number): Uint8Array | Promise<Uint8Array>
}

/** An open TIFF and the directories of its pages. */
export class TiffFile {
  readonly pages: TiffPage[] = []
  /** The number of images that ImageJ says the file has, if it has other directories than these. */
  statedImages?: number
  /** Pages from this index on have no directory in the file. */
  private inventedFrom = Infinity
  /** Bytes of all directories so far. */
  private directoryBytes = 0

  private constructor(
    readonly source: TiffSource,
    readonly bigEndian: boolean,
    private readonly big: boolean,
  ) {}

  /** @throws Error, without the file's name, if its directories are damaged */
  static async open(source: TiffSource): Promise<TiffFile> {
    const header = await source.read(0, 16)
    if (header.length < 8 || !isTiff(header)) throw new Error('it is not a TIFF file')
    const bigEndian = header[0] === 0x4d
    const tiff = new TiffFile(source, bigEndian, (bigEndian ? header[3] : header[2]) === 43)
    if (tiff.big && header.length < 16) throw new Error('the TIFF is truncated')
    await tiff.readDirectories(tiff.big ? tiff.word(header, 8, 8) : tiff.word(header, 4, 4))
    await tiff.addImagejImages()
    return tiff
  }

  /** Bytes of the file. */
  get size(): number {
    return this.source.size
  }

  /** The first `limit` values of a page's tag as numbers (rationals are divided); empty if it is absent or not numeric. */
  async numbers(page: TiffPage, tag: number, limit = 64): Promise<number[]> {
    const entry = page.get(tag)
    if (!entry || entry.type === 2) return []
    const size = typeSizes[entry.type] ?? 0
    const bytes = await this.bytes(entry, limit, MAX_LIST_BYTES)
    return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => this.number(bytes, i * size, entry.type))
  }

  /** A page's tag of text or bytes, decoded as latin-1, without the NULs at its end; undefined if it is absent. */
  async text(page: TiffPage, tag: number): Promise<string | undefined> {
    const entry = page.get(tag)
    if (!entry || ![1, 2, 7].includes(entry.type)) return undefined
    return latin1(await this.bytes(entry, MAX_VALUE_BYTES, MAX_VALUE_BYTES)).replace(/\0+$/, '')
  }

  /** The directory that a tag points to (EXIF); undefined if the tag is absent. */
  async directory(page: TiffPage, tag: number): Promise<TiffPage | undefined> {
    const [at] = await this.numbers(page, tag, 1)
    return at === undefined ? undefined : (await this.readDirectory(at)).page
  }

  private async readDirectories(first: number): Promise<void> {
    const seen = new Set<number>()
    for (let at = first; at;) {
      if (seen.has(at)) throw new Error('the TIFF is damaged: its page directories form a loop')
      if (seen.size === MAX_PAGES) throw new Error(`the TIFF has more than ${MAX_PAGES} pages`)
      seen.add(at)
      const { page, next } = await this.readDirectory(at)
      this.pages.push(page)
      at = next
    }
    if (!this.pages.length) throw new Error('the TIFF has no page')
  }

  /** True if a page has no directory in the file: it is an image of an ImageJ stack, which only TiffFile knows how to find. */
  isInvented(index: number): boolean {
    return index >= this.inventedFrom
  }

  /**
   * ImageJ writes large stacks with the directory of the first image only: "images=N" of its description says how many follow,
   * uncompressed, one after the other. Adds a page for each; if they are not there, only `statedImages` says so.
   */
  private async addImagejImages(): Promise<void> {
    const [first] = this.pages
    const text = this.pages.length === 1 ? await this.text(first, TAG.description).catch(() => undefined) : undefined
    if (!text?.startsWith('ImageJ=')) return
    const [, count] = /^images=(\d{1,9})\s*$/m.exec(text) ?? []
    if (!(Number(count) > 1)) return
    this.statedImages = Number(count)
    const one = async (tag: number, absent: number) => (await this.numbers(first, tag, 1))[0] ?? absent
    const plain = (await one(TAG.compression, 1)) === 1 && (await one(TAG.photometric, 1)) <= 1
    const offsets = await this.numbers(first, TAG.offsets, MAX_PAGES)
    const counts = await this.numbers(first, TAG.counts, MAX_PAGES)
    const gapless =
      offsets.length === counts.length && offsets.every((at, i) => !i || at === offsets[i - 1] + counts[i - 1])
    const bytes = counts.reduce((sum, n) => sum + n, 0)
    if (!plain || !gapless || !bytes || (await one(TAG.samples, 1)) !== 1) return
    const found = Math.min(Number(count), MAX_PAGES, Math.floor((this.size - offsets[0]) / bytes))
    this.inventedFrom = 1
    for (let i = 1; i < found; i++) {
      // the whole image is one strip; a copy of all tags would take memory in thousands of pages
      const own = new Map<number, Entry | undefined>([
        [TAG.rows, undefined],
        [TAG.offsets, this.entryOf(offsets[0] + i * bytes)],
        [TAG.counts, this.entryOf(bytes)],
      ])
      const get = (tag: number) => (own.has(tag) ? own.get(tag) : first.get(tag))
      this.pages.push({ get, has: (tag) => get(tag) !== undefined })
    }
  }

  private entryOf(value: number): Entry {
    const field = new Uint8Array(8)
    viewOf(field).setBigUint64(0, BigInt(value), !this.bigEndian)
    return { type: LONG8, count: 1, field }
  }

  private async readDirectory(at: number): Promise<{ page: TiffPage; next: number }> {
    const [countSize, wordSize] = this.big ? [8, 8] : [2, 4]
    const start = await this.at(at, Math.max(countSize, Math.min(DIRECTORY_BYTES, this.size - at)))
    const count = this.word(start, 0, countSize)
    if (count > MAX_ENTRIES) throw new Error(`the TIFF is damaged: a page claims ${count} tags`)
    const entrySize = 4 + 2 * wordSize
    const length = count * entrySize + wordSize
    const whole = countSize + length <= start.length
    const bytes = whole ? start.subarray(countSize, countSize + length) : await this.at(at + countSize, length)
    // each directory has its own bytes, unless somebody wants to fill the memory
    this.directoryBytes += countSize + length
    if (this.directoryBytes > this.size) throw new Error('the TIFF is damaged: its page directories overlap')
    const page = new Map<number, Entry>()
    for (let i = 0; i < count; i++) {
      const from = i * entrySize
      const tag = this.word(bytes, from, 2)
      if (page.has(tag)) continue
      const field = bytes.subarray(from + 4 + wordSize, from + 4 + 2 * wordSize)
      page.set(tag, {
        type: this.word(bytes, from + 2, 2),
        count: this.word(bytes, from + 4, wordSize),
        field,
      })
    }
    return { page, next: this.word(bytes, count * entrySize, wordSize) }
  }

  /** The bytes of the first `limit` values of an entry, at most `most` bytes. */
  private async bytes({ type, count, field }: Entry, limit: number, most: number): Promise<Uint8Array> {
    const size = typeSizes[type]
    if (!size) return new Uint8Array(0)
    const wanted = Math.min(count, limit, Math.floor(most / size)) * size
    if (count * size <= field.length) return field.subarray(0, wanted)
    return this.at(this.word(field, 0, field.length), wanted)
  }

  /** Reads bytes of the file at an offset. @throws Error if they are beyond its end */
  async at(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset + length <= this.size)) throw new Error('the TIFF is truncated or damaged: a part is beyond its end')
    const bytes = await this.source.read(offset, length)
    if (bytes.length < length) throw new Error('the TIFF is truncated')
    return bytes
  }

  /** An unsigned integer of `size` bytes: 1, 2, 4 or 8. */
  private word(bytes: Uint8Array, at: number, size: number): number {
    const view = viewOf(bytes)
    const little = !this.bigEndian
    if (size === 8) return Number(view.getBigUint64(at, little))
    return size === 4 ? view.getUint32(at, little) : size === 2 ? view.getUint16(at, little) : view.getUint8(at)
  }

  /** One value of a TIFF type. */
  private number(bytes: Uint8Array, at: number, type: number): number {
    const unsigned = (offset: number, size: number) => this.word(bytes, offset, size)
    const signed = (offset: number, size: number) => {
      const value = unsigned(offset, size)
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value
    }
    if (type === 5) return unsigned(at, 4) / unsigned(at + 4, 4)
    if (type === 10) return signed(at, 4) / signed(at + 4, 4)
    if (type === 11) return viewOf(bytes).getFloat32(at, !this.bigEndian)
    if (type === 12) return viewOf(bytes).getFloat64(at, !this.bigEndian)
    const size = typeSizes[type]
    return [6, 8, 9, 17].includes(type) ? signed(at, size) : unsigned(at, size)
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Each byte as the character of its number. */
function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}
